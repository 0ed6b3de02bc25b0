-- Find tasks whose lease has expired; the scheduler decides about each, and reclaim.lua does it.
-- Guarantee: nothing changes, except that ids without an envelope are dropped and counted. Tasks of a newer version do not
-- hide those behind them, as far as 1000 expired leases are examined.
-- KEYS
--   active        sorted set of ids
--   totals        hash
-- ARGV
--   limit         integer, at most 1000
--   max_bytes     integer, of the envelopes together; a single one may exceed it
--   newest        integer, the newest envelope version that the scheduler reads
-- Returns {now ms, when the next lease expires ms (-1 none), orphans, tasks of a newer version, {id, envelope, token,
-- attempt, excused, attempt record, losses, cancel 0 or 1, confirmed 0 or 1, when the lease expired ms, ...}}.
-- #include "now"
-- #include "task"
-- #include "drop"

local EXAMINED = 1000

local found, number, used, newer = {}, 0, 0, 0

local function add(id, size, expired_at)
  local run = read_record(id, 'token', 'attempt', 'excused', 'lost', 'cancel', 'confirmed')
  local opened = read_record(id, 'a:' .. (run[2] or ''))[1]
  local at = #found
  found[at + 1], found[at + 2] = id, redis.call('GET', envelope_key(id))
  found[at + 3], found[at + 4] = tonumber(run[1]) or 0, tonumber(run[2]) or 0
  found[at + 5], found[at + 6] = tonumber(run[3]) or 0, opened or ''
  found[at + 7], found[at + 8] = tonumber(run[4]) or 0, run[5] and 1 or 0
  found[at + 9], found[at + 10] = run[6] and run[6] == run[1] and 1 or 0, expired_at
  number, used = number + 1, used + size
end

local expired = redis.call('ZRANGEBYSCORE', active, '-inf', now, 'WITHSCORES', 'LIMIT', 0, EXAMINED)
for i = 1, #expired, 2 do
  if number == limit then break end
  local id = expired[i]
  local size = is_id(id) and envelope_size(id)
  if not size or (size == 0 and redis.call('EXISTS', envelope_key(id)) == 0) then
    redis.call('ZREM', active, id)
    drop(id)
  elseif (string.byte(redis.call('GETRANGE', envelope_key(id), 0, 0), 1) or 0) > newest then
    newer = newer + 1
  elseif number > 0 and used + size > max_bytes then
    break
  else
    add(id, size, tonumber(expired[i + 1]))
  end
end
count_dropped(totals)
local next_expiry = tonumber(redis.call('ZRANGEBYSCORE', active, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
return { now, next_expiry or -1, dropped, newer, found }
