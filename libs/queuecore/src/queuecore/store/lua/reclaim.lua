-- End attempts whose lease has expired: the worker is dead, unreachable or stuck.
-- Guarantee: a lease that was renewed, settled or replaced after the scheduler found it expired is not touched. A task
-- whose cancellation was requested is archived. An excused attempt is not charged to the task.
-- KEYS
--   active        sorted set of ids
--   retry         sorted set of ids
--   archived      sorted set of ids
--   totals        hash
-- ARGV per task
--   task_id       text
--   token         token
--   attempt       attempt
--   closed        bytes, the attempt's entry in the history
--   error         text
--   delay_ms      integer, before the retry; -1: archive the task
--   excused       flag, the attempt is not charged to the task
--   suspected     flag, the loss counts towards poison
--   reason        text, for an archived task
--   retention_ms  integer, of an archived task
--   lock          text, digest of the unique lock; empty: none
--   label         text, the task type in metrics
-- Returns a reply per task: DONE, CANCELLED (archived because of a cancellation) or STALE.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "due"
-- #include "lock"
-- #include "archive"

-- Unregistered types share one label, because callers could create any number of them.
local function bounded(label)
  local is_known = label == 'unreadable'
    or redis.call('HEXISTS', totals, 'enqueued:' .. label) == 1
    or redis.call('HEXISTS', totals, 'run_ms:' .. label) == 1
  return is_known and label or 'unregistered'
end

local function has_expired(task_id)
  local expires_at = tonumber(redis.call('ZSCORE', active, task_id))
  return expires_at and expires_at <= now
end

local replies = {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item
  local record = record_key(task_id)
  local run = read_record(task_id, 'token', 'cancel')
  local reply = STALE
  if (run[1] or '0') == token and has_expired(task_id) then
    reply = DONE
    redis.call('ZREM', active, task_id)
    if run[2] then delay_ms, reason, reply = -1, 'cancelled', CANCELLED end
    redis.call('HSET', record, 'a:' .. attempt, closed, 'last_error', error)
    if excused then redis.call('HINCRBY', record, 'excused', 1) end
    if suspected then redis.call('HINCRBY', record, 'lost', 1) end
    redis.call('HINCRBY', totals, 'processed:lost:' .. bounded(label), 1)
    if delay_ms >= 0 then
      if not excused then redis.call('HINCRBY', record, 'retried', 1) end
      wait_until(retry, task_id, now + delay_ms)
    else
      archive(archived, task_id, reason, retention_ms, lock)
    end
  end
  replies[#replies + 1] = reply
end
count_archived(totals)
return replies
