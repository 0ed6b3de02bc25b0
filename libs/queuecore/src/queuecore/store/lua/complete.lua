-- Complete tasks whose attempt succeeded.
-- Guarantee: only the newest lease settles a task. A success that arrives after its lease expired counts as long as no
-- worker has leased the task again and nobody has cancelled it. A repeated call counts once.
-- KEYS
--   active        sorted set of ids
--   completed     sorted set of ids
--   pending       sorted set of ids
--   retry         sorted set of ids
--   archived      sorted set of ids
--   totals        hash
--   bytes         integer
-- ARGV per task
--   task_id       text
--   token         token
--   attempt       attempt
--   closed        bytes, the attempt's entry in the history
--   result        bytes, JSON; empty: none
--   retention_ms  integer, 0: delete the task at once
--   lock          text, digest of the unique lock; empty: none
--   label         text, the task type in metrics
--   run_ms        integer
--   run_bucket    integer, bucket of run_ms in its histogram
--   wait_ms       integer
--   wait_bucket   integer, bucket of wait_ms in its histogram
-- Returns a reply per task: DONE or STALE.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "delete_task"
-- #include "lock"
-- #include "settlement_totals"

-- Remove the task from the state that it entered when its lease expired, and count that its attempt has ended twice; false
-- when a success no longer counts.
local function take_back(task_id, label)
  local state = (redis.call('ZREM', retry, task_id) == 1 and 'retry')
    or (redis.call('ZREM', pending, task_id) == 1 and 'pending')
    or (read_record(task_id, 'reason')[1] ~= 'cancelled' and redis.call('ZREM', archived, task_id) == 1 and 'archived')
  if state then add('late:' .. state .. ':' .. label, 1) end
  return state
end

local replies = {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item
  local record = record_key(task_id)
  local reply = STALE
  if read_record(task_id, 'token')[1] == token then
    local is_late = redis.call('ZREM', active, task_id) == 0
    if not is_late or take_back(task_id, label) then
      reply = DONE
      if retention_ms > 0 then
        redis.call('ZADD', completed, now + retention_ms, task_id)
        redis.call('HSET', record, 'a:' .. attempt, closed, 'ended_at', now, 'result', result)
        redis.call('HDEL', record, 'reason', 'progress', 'cancel', 'confirmed')
        -- The error says that the lease expired, but the attempt has succeeded.
        if is_late then redis.call('HDEL', record, 'last_error') end
      else
        delete_task(task_id)
      end
      unlock(lock, task_id)
      add_settlement('completed', label, run_ms, run_bucket, wait_ms, wait_bucket)
    elseif redis.call('ZSCORE', completed, task_id) then
      reply = DONE
    end
  end
  replies[#replies + 1] = reply
end
write_settlements(totals)
write_freed(bytes)
return replies
