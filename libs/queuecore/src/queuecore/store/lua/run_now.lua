-- Make a task pending at once, from any state but active.
-- Guarantee: an archived or completed task gets one more attempt, and late calls of earlier attempts are stale for it. A
-- running task is not touched. The task holds its unique lock afterwards, for a whole window where the lock was free;
-- nothing changes while another task holds it.
-- KEYS
--   active        sorted set of ids
--   pending       sorted set of ids
--   scheduled     sorted set of ids
--   retry         sorted set of ids
--   archived      sorted set of ids
--   completed     sorted set of ids
--   wake          list
-- ARGV
--   task_id       text
--   lock          text, digest of the unique lock; empty: none
--   window_ms     integer, lifetime of the unique lock
-- Returns {reply, text}: DONE (also when the task is pending already), ACTIVE, NOT_FOUND, or LOCKED with the holder's id.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "entry"
-- #include "wake"

local priority = priority_of(task_id)
if not priority then return { NOT_FOUND, '' } end
local token = tonumber(read_record(task_id, 'token')[1])
if redis.call('ZSCORE', active, task_id) then return { ACTIVE, '' } end
if redis.call('ZSCORE', pending, task_id) then return { DONE, '' } end

local lock_key = prefix .. 'u:' .. lock
local holder = lock ~= '' and read_text(lock_key)
if holder and holder ~= task_id and redis.call('EXISTS', envelope_key(holder)) == 1 then return { LOCKED, holder } end

for _, state in ipairs({ scheduled, retry, archived, completed }) do
  if redis.call('ZREM', state, task_id) == 1 then
    -- One higher: calls of earlier attempts are stale, and the token of the next lease is higher still.
    if token and (state == archived or state == completed) then redis.call('HSET', record_key(task_id), 'token', token + 1) end
    redis.call('HDEL', record_key(task_id), 'reason', 'ended_at', 'cancel', 'lost', 'result', 'progress')
    redis.call('ZADD', pending, entry_score(pending, priority), task_id)
    if lock ~= '' and holder ~= task_id then redis.call('SET', lock_key, task_id, 'PX', window_ms) end
    wake_one(wake)
    return { DONE, '' }
  end
end
return { NOT_FOUND, '' }
