-- Read one task and its run record.
-- KEYS
--   active        sorted set of ids
--   pending       sorted set of ids
--   scheduled     sorted set of ids
--   retry         sorted set of ids
--   archived      sorted set of ids
--   completed     sorted set of ids
-- ARGV
--   task_id       text
-- Returns nil when the task does not exist, else {state, the state's own time ms, envelope, {field, value, ...}}. The
-- envelope is empty when its key has another type.
-- #include "now"
-- #include "task"
-- #include "entry"

local STATES = { 'active', 'pending', 'scheduled', 'retry', 'archived', 'completed' }

local envelope = redis.pcall('GET', envelope_key(task_id))
if not envelope then return nil end
if is_damaged(envelope) then envelope = '' end
for i, key in ipairs({ active, pending, scheduled, retry, archived, completed }) do
  local score = tonumber(redis.call('ZSCORE', key, task_id))
  if score then
    if key == pending then score = entered_at(score) end
    local record = redis.pcall('HGETALL', record_key(task_id))
    return { STATES[i], score, envelope, is_damaged(record) and {} or record }
  end
end
return nil
