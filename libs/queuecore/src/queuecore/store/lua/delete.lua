-- Delete a task that is not running.
-- Guarantee: after DONE the store holds nothing of the task, its unique lock included.
-- KEYS
--   active        sorted set of ids
--   pending       sorted set of ids
--   scheduled     sorted set of ids
--   retry         sorted set of ids
--   archived      sorted set of ids
--   completed     sorted set of ids
--   bytes         integer
-- ARGV
--   task_id       text
--   lock          text, digest of the unique lock; empty: none
-- Returns a reply: DONE, ACTIVE (nothing was changed) or NOT_FOUND.
-- #include "reply"
-- #include "task"
-- #include "delete_task"
-- #include "lock"

if redis.call('ZSCORE', active, task_id) then return ACTIVE end
local found = redis.call('EXISTS', envelope_key(task_id)) == 1
for _, state in ipairs({ pending, scheduled, retry, archived, completed }) do redis.call('ZREM', state, task_id) end
delete_task(task_id)
write_freed(bytes)
unlock(lock, task_id)
return found and DONE or NOT_FOUND
