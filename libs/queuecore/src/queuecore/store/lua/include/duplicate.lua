-- Find the earlier task of a repeated one. Needs reply.lua, task.lua.

-- The reply to the first task with this idempotency key; nil when there was none.
local function stored_answer(answer)
  local first = read_text(prefix .. 'i:' .. answer)
  if first and string.find(first, '^[\33-\126]+ %l+$') then return { REPLAYED, first } end
end

-- The reply to a task whose id has this envelope already: it is the same task when the bytes are the same.
local function same_id(scheduled, task_id, envelope, stored)
  if stored ~= envelope then return { DUPLICATE_ID, task_id } end
  local state = redis.call('ZSCORE', scheduled, task_id) and 'scheduled' or 'pending'
  return { REPLAYED, task_id .. ' ' .. state }
end

-- The reply to a task whose unique lock is held; nil when the lock is free or its holder is gone.
-- accepted: the tasks of this call, whose envelopes are not written yet.
local function held_lock(lock, accepted)
  local holder = read_text(prefix .. 'u:' .. lock)
  if holder and (accepted[holder] or redis.call('EXISTS', envelope_key(holder)) == 1) then return { LOCKED, holder } end
end
