-- Replace the limits and the durability of a queue.
-- KEYS
--   limits        hash
-- ARGV
--   max_depth     integer, -1: the default applies
--   max_bytes     integer, -1: the default applies
--   durability    text, the level; empty: the default applies
-- Returns nothing.
-- #include "task"

redis.call('DEL', limits)
if max_depth >= 0 then redis.call('HSET', limits, 'max_depth', max_depth) end
if max_bytes >= 0 then redis.call('HSET', limits, 'max_bytes', max_bytes) end
if durability ~= '' then redis.call('HSET', limits, 'durability', durability) end
