-- Cancel a task: archive a waiting one, mark a running one and notify its worker.
-- Guarantee: a cancelled task is never retried.
-- KEYS
--   active        sorted set of ids
--   pending       sorted set of ids
--   scheduled     sorted set of ids
--   retry         sorted set of ids
--   archived      sorted set of ids
--   completed     sorted set of ids
--   totals        hash
-- ARGV
--   task_id       text
--   retention_ms  integer
--   lock          text, digest of the unique lock; empty: none
-- Returns a reply: DONE (archived), ACTIVE (marked), FINAL (it has ended) or NOT_FOUND.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "full"
-- #include "lock"
-- #include "archive"

if redis.call('EXISTS', envelope_key(task_id)) == 0 then return NOT_FOUND end
read_record(task_id, 'token')
if redis.call('ZSCORE', active, task_id) then
  redis.call('HSET', record_key(task_id), 'cancel', 1)
  redis.call('PUBLISH', 'taskyard:cancel', string.match(prefix, '{(.+)}') .. ' ' .. task_id)
  return ACTIVE
end
if redis.call('ZSCORE', archived, task_id) or redis.call('ZSCORE', completed, task_id) then return FINAL end
for _, waiting in ipairs({ pending, scheduled, retry }) do
  if redis.call('ZREM', waiting, task_id) == 1 then
    archive(archived, task_id, 'cancelled', retention_ms, lock)
    count_archived(totals)
    return DONE
  end
end
return NOT_FOUND
