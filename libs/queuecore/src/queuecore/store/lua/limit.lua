-- Replace the limits of a queue.
-- KEYS
--   limits        hash
-- ARGV
--   max_depth     integer, -1: the default applies
--   max_bytes     integer, -1: the default applies
-- Returns nothing.
-- #include "task"

redis.call('DEL', limits)
if max_depth >= 0 then redis.call('HSET', limits, 'max_depth', max_depth) end
if max_bytes >= 0 then redis.call('HSET', limits, 'max_bytes', max_bytes) end
