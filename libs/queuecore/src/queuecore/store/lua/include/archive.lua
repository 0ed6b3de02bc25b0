-- Give a task up: it stays for inspection until its retention is over. Needs now.lua, task.lua, lock.lua.
local function archive(archived, id, reason, retention_ms, lock)
  redis.call('ZADD', archived, now + retention_ms, id)
  redis.call('HSET', record_key(id), 'reason', reason, 'ended_at', now)
  unlock(lock, id)
end
