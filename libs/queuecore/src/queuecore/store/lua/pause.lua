-- Pause a queue, or let it go on.
-- Guarantee: after it was paused no task is leased; when it goes on, an idle worker is woken.
-- KEYS
--   1 paused      exists while the queue is paused
--   2 pending     sorted set of ids
--   3 wake        list
-- ARGV
--   1 prefix      text
--   2 pause       0 or 1
-- Returns nothing.
-- #include "task"
-- #include "wake"
if ARGV[2] == '1' then
  redis.call('SET', KEYS[1], '1')
else
  redis.call('DEL', KEYS[1])
  if redis.call('ZCARD', KEYS[2]) > 0 then wake_one(KEYS[3]) end
end
