-- Archive a task: the store keeps it until its retention ends. Needs now.lua, task.lua, lock.lua.
local archived_by_reason = {}
local of_queue

-- The retention of archived tasks that the queue has set; nil when it has none.
local function retention_of_queue()
  if of_queue == nil then
    local reply = redis.pcall('HGET', prefix .. 'settings', 'archive_retention_ms')
    of_queue = not is_damaged(reply) and tonumber(reply) or false
  end
  return of_queue or nil
end

-- retention_ms: of the task; a default of n ms is written as -1 - n, and the setting of the queue replaces it.

local function archive(archived, id, reason, retention_ms, lock)
  if retention_ms < 0 then retention_ms = retention_of_queue() or -1 - retention_ms end
  redis.call('ZADD', archived, now + retention_ms, id)
  redis.call('HSET', record_key(id), 'reason', reason, 'ended_at', now)
  unlock(lock, id)
  archived_by_reason[reason] = (archived_by_reason[reason] or 0) + 1
end

-- Count the archived tasks by reason. Call it once, at the end.
local function count_archived(totals)
  for reason, number in pairs(archived_by_reason) do redis.call('HINCRBY', totals, 'archived:' .. reason, number) end
end
