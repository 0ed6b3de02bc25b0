-- Record the progress that a running handler reports.
-- Guarantee: only the current lease of an active task writes. A report confirms that the worker runs the attempt.
-- KEYS
--   active        sorted set of ids
-- ARGV per task
--   task_id       text
--   token         token
--   progress      bytes, JSON
-- Returns a reply per task: DONE or STALE.
-- #include "reply"
-- #include "task"
-- #include "full"

local replies = {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item
  local record = record_key(task_id)
  local reply = STALE
  local run = read_record(task_id, 'token')
  if run[1] == token and redis.call('ZSCORE', active, task_id) then
    redis.call('HSET', record, 'progress', progress, 'confirmed', token)
    reply = DONE
  end
  replies[#replies + 1] = reply
end
return replies
