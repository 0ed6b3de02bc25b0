-- End attempts that did not succeed: each task is retried later, or archived.
-- Guarantee: only the current lease of an active task counts. A task whose cancellation was requested is archived,
-- whatever the caller decided.
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
--   reason        text, for an archived task
--   retention_ms  integer, of an archived task
--   lock          text, digest of the unique lock; empty: none
--   label         text, the task type in metrics
--   run_ms        integer
--   run_bucket    digits, bucket of run_ms in its histogram
--   wait_ms       integer
--   wait_bucket   integer, bucket of wait_ms in its histogram
-- Returns a reply per task: DONE, CANCELLED (archived because of a cancellation) or STALE.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "due"
-- #include "lock"
-- #include "archive"
-- #include "settlement_totals"

local replies = {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item
  local record = record_key(task_id)
  local run = read_record(task_id, 'token', 'cancel')
  local reply = STALE
  if run[1] == token and redis.call('ZREM', active, task_id) == 1 then
    reply = DONE
    if run[2] then delay_ms, reason, reply = -1, 'cancelled', CANCELLED end
    redis.call('HSET', record, 'a:' .. attempt, closed, 'last_error', error)
    redis.call('HDEL', record, 'lost', 'confirmed')
    local outcome = 'archived'
    if delay_ms >= 0 then
      outcome = 'retry'
      redis.call('HINCRBY', record, 'retried', 1)
      wait_until(retry, task_id, now + delay_ms)
    else
      archive(archived, task_id, reason, retention_ms, lock)
    end
    add_settlement(outcome, label, run_ms, run_bucket, wait_ms, wait_bucket)
  end
  replies[#replies + 1] = reply
end
write_settlements(totals)
count_archived(totals)
return replies
