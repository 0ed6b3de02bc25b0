-- Archive a task: the store keeps it until its retention ends. Needs now.lua, task.lua, lock.lua.
local archived_by_reason = {}

local function archive(archived, id, reason, retention_ms, lock)
  redis.call('ZADD', archived, now + retention_ms, id)
  redis.call('HSET', record_key(id), 'reason', reason, 'ended_at', now)
  unlock(lock, id)
  archived_by_reason[reason] = (archived_by_reason[reason] or 0) + 1
end

-- Count the archived tasks by reason. Call it once, at the end.
local function count_archived(totals)
  for reason, number in pairs(archived_by_reason) do redis.call('HINCRBY', totals, 'archived:' .. reason, number) end
end
