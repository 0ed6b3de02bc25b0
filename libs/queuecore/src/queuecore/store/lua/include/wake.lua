-- Wake one idle worker. The list holds at most one token: a worker that leaves tasks behind adds it again.
local function wake_one(wake)
  if redis.call('LLEN', wake) == 0 then redis.call('LPUSH', wake, '1') end
end
