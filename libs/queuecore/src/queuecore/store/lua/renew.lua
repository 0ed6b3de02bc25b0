-- Renew leases.
-- Guarantee: only the current lease of an active task is renewed. A lease that has ended stays ended. The first renewal
-- confirms that the worker runs the attempt.
-- KEYS
--   active        sorted set of ids
-- ARGV
--   lease_ms      integer
-- ARGV per lease
--   task_id       text
--   token         token
-- Returns a reply per lease: DONE, CANCELLED (renewed, and the task is to be cancelled) or STALE.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "full"

local expires_at = now + lease_ms

local replies = {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item
  local run = read_record(task_id, 'token', 'cancel', 'confirmed')
  local reply = STALE
  if run[1] == token and redis.call('ZSCORE', active, task_id) then
    redis.call('ZADD', active, 'XX', expires_at, task_id)
    if run[3] ~= token then redis.call('HSET', record_key(task_id), 'confirmed', token) end
    reply = run[2] and CANCELLED or DONE
  end
  replies[#replies + 1] = reply
end
return replies
