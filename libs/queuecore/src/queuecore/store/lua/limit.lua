-- Give a queue limits of its own, in place of those that it had.
-- KEYS
--   1 limits      hash
-- ARGV
--   1 prefix      text
--   2 max_depth   integer (-1 none of its own)
--   3 max_bytes   integer (-1 none of its own)
-- Returns nothing.
-- #include "task"
local limits = KEYS[1]

redis.call('DEL', limits)
for place, name in ipairs({ 'max_depth', 'max_bytes' }) do
  if tonumber(ARGV[place + 1]) >= 0 then redis.call('HSET', limits, name, ARGV[place + 1]) end
end
