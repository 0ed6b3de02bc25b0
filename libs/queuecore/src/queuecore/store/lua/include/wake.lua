-- Wake one idle worker. At most one token waits: a worker that leaves tasks behind passes it on.
local function wake_one(wake)
  if redis.call('LLEN', wake) == 0 then redis.call('LPUSH', wake, '1') end
end
