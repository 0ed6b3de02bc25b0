-- Add a task to a state that waits for a due time, and notify the schedulers when the task is the earliest of it.
-- Needs task.lua.
local function wait_until(key, id, due)
  redis.call('ZADD', key, due, id)
  if redis.call('ZRANGE', key, 0, 0)[1] == id then
    redis.call('PUBLISH', 'taskyard:due', string.match(prefix, '{(.+)}'))
  end
end
