-- Renew leases.
-- Guarantee: only the current lease of a task that is still active is renewed; nothing is resurrected.
-- KEYS
--   1 active      sorted set of ids
-- ARGV
--   1 prefix      text
--   2 lease_ms    integer
--   then per task: id text, token integer
-- Returns a reply per task: DONE, CANCELLED (renewed, and the task is to be cancelled) or STALE.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "full"
local active = KEYS[1]
local lapses_at = now + tonumber(ARGV[2])

local replies = {}
for first = 3, #ARGV, 2 do
  local id = ARGV[first]
  local run = redis.call('HMGET', record_key(id), 'token', 'cancel')
  local reply = STALE
  if run[1] == ARGV[first + 1] and redis.call('ZSCORE', active, id) then
    redis.call('ZADD', active, 'XX', lapses_at, id)
    reply = run[2] and CANCELLED or DONE
  end
  replies[#replies + 1] = reply
end
return replies
