-- Put a task among those that wait for a time, and tell the schedulers when it is now the earliest of them.
-- Needs task.lua.
local function wait_until(key, id, due)
  redis.call('ZADD', key, due, id)
  if redis.call('ZRANGE', key, 0, 0)[1] == id then
    redis.call('PUBLISH', 'taskyard:due', string.match(prefix, '{(.+)}'))
  end
end
