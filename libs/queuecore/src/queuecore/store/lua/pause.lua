-- Pause or resume a queue.
-- Guarantee: no task of a paused queue is leased. A resumed queue wakes an idle worker.
-- KEYS
--   paused        exists while the queue is paused
--   pending       sorted set of ids
--   wake          list
-- ARGV
--   pause         flag, resume when false
-- Returns nothing.
-- #include "task"
-- #include "wake"

if pause then
  redis.call('SET', paused, '1')
else
  redis.call('DEL', paused)
  if redis.call('ZCARD', pending) > 0 then wake_one(wake) end
end
