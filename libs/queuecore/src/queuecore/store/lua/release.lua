-- Release leases of unfinished tasks. Each is pending again in its former place, and the attempt is not charged to it.
-- Guarantee: only the current lease counts, and it ends here: later calls with its token are stale.
-- A call wakes an idle worker when tasks are pending, also when it releases none: a worker that stops may have consumed a
-- wake-up.
-- KEYS
--   active        sorted set of ids
--   pending       sorted set of ids
--   archived      sorted set of ids
--   wake          list
--   totals        hash
--   bytes         integer
-- ARGV per task
--   task_id       text
--   token         token
--   entry         integer, the entry score that the task had when it was leased; 0: unknown
--   retention_ms  integer, of an archived task
--   lock          text, digest of the unique lock; empty: none
-- Returns a reply per task: DONE, CANCELLED (archived because of a cancellation), NOT_FOUND (no envelope) or STALE.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "delete_task"
-- #include "entry"
-- #include "drop"
-- #include "lock"
-- #include "archive"
-- #include "wake"

-- The token stays in the record, one higher, so that the next one is higher still if the clock is set back.
local function undo_attempt(record, attempt, token)
  redis.call('HDEL', record, 'a:' .. attempt, 'confirmed')
  redis.call('HSET', record, 'attempt', tonumber(attempt) - 1, 'token', tonumber(token) + 1)
end

local replies = {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item
  local record = record_key(task_id)
  local run = read_record(task_id, 'token', 'cancel', 'attempt')
  local reply = STALE
  if run[1] == token and redis.call('ZREM', active, task_id) == 1 then
    local priority = priority_of(task_id)
    if not priority then
      reply = NOT_FOUND
      drop(task_id)
    else
      undo_attempt(record, run[3], token)
      if run[2] then
        reply = CANCELLED
        archive(archived, task_id, 'cancelled', retention_ms, lock)
      else
        reply = DONE
        local score = is_entry_of(entry, priority) and entry or entry_score(pending, priority)
        redis.call('ZADD', pending, score, task_id)
      end
    end
  end
  replies[#replies + 1] = reply
end
count_dropped(totals)
count_archived(totals)
write_freed(bytes)
if redis.call('ZCARD', pending) > 0 then wake_one(wake) end
return replies
