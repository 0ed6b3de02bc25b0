-- Give a task up: it stays for inspection until its retention is over. Needs now.lua, task.lua, lock.lua.
local given_up = {}

local function archive(archived, id, reason, retention_ms, lock)
  redis.call('ZADD', archived, now + retention_ms, id)
  redis.call('HSET', record_key(id), 'reason', reason, 'ended_at', now)
  unlock(lock, id)
  given_up[reason] = (given_up[reason] or 0) + 1
end

-- Count what was given up, by reason. To be called once, at the end.
local function count_archived(totals)
  for reason, number in pairs(given_up) do redis.call('HINCRBY', totals, 'archived:' .. reason, number) end
end
