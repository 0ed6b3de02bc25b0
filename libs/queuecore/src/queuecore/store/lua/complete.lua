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
--   run_bucket    digits, bucket of run_ms in its histogram
--   wait_ms       integer
--   wait_bucket   integer, bucket of wait_ms in its histogram
-- Returns a reply per task: DONE or STALE.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "delete_task"
-- #include "lock"
-- #include "settlement_totals"

local runs, current = {}, {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item task_id token
  local run = read_record(task_id, 'token', 'reason', 'progress', 'cancel', 'confirmed')
  if run[1] == token then current[#current + 1] = task_id end
  runs[#runs + 1] = run
end
-- One command ends all leases. Its reply says whether all of the tasks were active.
local all_were_active = #current == 0 or redis.call('ZREM', active, unpack(current)) == #current
-- The state of each task that this call has completed; false when it was deleted.
local settled = {}
local other_states = { retry = retry, pending = pending, archived = archived, completed = completed }

-- The state of a task, whose lease has ended: a task is in one state, or was active. False when this call deleted it.
local function state_of(task_id)
  if all_were_active then return 'active' end
  if settled[task_id] ~= nil then return settled[task_id] end
  for name, key in pairs(other_states) do
    if redis.call('ZSCORE', key, task_id) then return name end
  end
  return 'active'
end

-- Remove the task from the state that it entered when its lease expired, and count that its attempt has ended twice.
local function take_back(state, task_id, label)
  redis.call('ZREM', other_states[state], task_id)
  -- The error says that the lease expired, but the attempt has succeeded.
  redis.call('HDEL', record_key(task_id), 'last_error')
  redis.call('HINCRBY', totals, 'late:' .. state .. ':' .. label, 1)
end

local function complete_record(task_id, run, attempt, closed, result)
  local record = record_key(task_id)
  redis.call('HSET', record, 'a:' .. attempt, closed, 'ended_at', now, 'result', result)
  if run[2] or run[3] or run[4] or run[5] then redis.call('HDEL', record, 'reason', 'progress', 'cancel', 'confirmed') end
end

local replies, retained = {}, {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item
  local run = runs[#replies + 1]
  local state = run[1] == token and state_of(task_id)
  local is_cancelled = state == 'archived' and run[2] == 'cancelled'
  if state and state ~= 'completed' and not is_cancelled then
    settled[task_id] = retention_ms > 0 and 'completed'
    if state ~= 'active' then take_back(state, task_id, label) end
    if retention_ms > 0 then
      retained[#retained + 1], retained[#retained + 2] = now + retention_ms, task_id
      complete_record(task_id, run, attempt, closed, result)
    else
      delete_task(task_id)
    end
    unlock(lock, task_id)
    add_settlement('completed', label, run_ms, run_bucket, wait_ms, wait_bucket)
  end
  replies[#replies + 1] = state and not is_cancelled and DONE or STALE
end
if #retained > 0 then redis.call('ZADD', completed, unpack(retained)) end
write_settlements(totals)
write_freed(bytes)
return replies
