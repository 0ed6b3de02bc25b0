-- Find tasks whose lease has expired; the scheduler decides about each, and reclaim.lua does it.
-- Guarantee: nothing changes, except that ids without an envelope are dropped and counted.
-- KEYS
--   active        sorted set of ids
--   totals        hash
-- ARGV
--   limit         integer, at most 1000
-- Returns {now ms, when the next lease expires ms (-1 none), orphans, {id, envelope, token, attempt, excused,
-- attempt record, losses, cancel 0 or 1, ...}}.
-- #include "now"
-- #include "task"
-- #include "orphan"

local found, orphans = {}, 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', active, '-inf', now, 'LIMIT', 0, limit)) do
  local envelope = redis.call('GET', envelope_key(id))
  if envelope then
    local run = redis.call('HMGET', record_key(id), 'token', 'attempt', 'excused', 'lost', 'cancel')
    local opened = redis.call('HGET', record_key(id), 'a:' .. (run[2] or ''))
    local at = #found
    found[at + 1], found[at + 2], found[at + 3], found[at + 4] = id, envelope, tonumber(run[1]) or 0, tonumber(run[2]) or 0
    found[at + 5], found[at + 6] = tonumber(run[3]) or 0, opened or ''
    found[at + 7], found[at + 8] = tonumber(run[4]) or 0, run[5] and 1 or 0
  else
    orphans = orphans + 1
    redis.call('ZREM', active, id)
    redis.call('DEL', record_key(id))
  end
end
count_orphans(totals, orphans)
local next_expiry = tonumber(redis.call('ZRANGEBYSCORE', active, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
return { now, next_expiry or -1, orphans, found }
