-- Delete archived and completed tasks whose retention has ended.
-- KEYS
--   completed     sorted set of ids
--   archived      sorted set of ids
--   bytes         integer
-- ARGV
--   limit         integer, per state, at most 1000
-- Returns {number of deleted tasks, 1 when more have expired}.
-- #include "now"
-- #include "task"
-- #include "delete_task"

local function expire_from(ended)
  local ids = redis.call('ZRANGEBYSCORE', ended, '-inf', now, 'LIMIT', 0, limit)
  for _, id in ipairs(ids) do delete_task(id) end
  if #ids > 0 then redis.call('ZREM', ended, unpack(ids)) end
  return #ids
end

local of_completed, of_archived = expire_from(completed), expire_from(archived)
write_freed(bytes)
return { of_completed + of_archived, (of_completed == limit or of_archived == limit) and 1 or 0 }
