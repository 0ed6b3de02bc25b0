-- Replace the settings of a queue.
-- KEYS
--   settings      hash
-- ARGV
--   archive_retention_ms integer, -1: the default applies
--   priority_ageing_ms integer, -1: the default applies
-- Returns nothing.
-- #include "task"

redis.call('DEL', settings)
if archive_retention_ms >= 0 then redis.call('HSET', settings, 'archive_retention_ms', archive_retention_ms) end
if priority_ageing_ms >= 0 then redis.call('HSET', settings, 'priority_ageing_ms', priority_ageing_ms) end
