-- Forget archived and completed tasks whose retention is over.
-- KEYS
--   1 completed   sorted set of ids
--   2 archived    sorted set of ids
--   3 bytes       integer
-- ARGV
--   1 prefix      text
--   2 limit       integer, at most 1000
-- Returns {number forgotten, 1 when more are due at once}.
-- #include "now"
-- #include "task"
-- #include "forget"
local limit = tonumber(ARGV[2])

local function expire_from(ended)
  local ids = redis.call('ZRANGEBYSCORE', ended, '-inf', now, 'LIMIT', 0, limit)
  for _, id in ipairs(ids) do forget(id) end
  if #ids > 0 then redis.call('ZREM', ended, unpack(ids)) end
  return #ids
end

local completed, archived = expire_from(KEYS[1]), expire_from(KEYS[2])
write_freed(KEYS[3])
return { completed + archived, (completed == limit or archived == limit) and 1 or 0 }
