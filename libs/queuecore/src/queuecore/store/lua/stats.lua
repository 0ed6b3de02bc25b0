-- Count the tasks of a queue. The cost does not grow with their number, but for a logarithm.
-- KEYS
--   1 pending     sorted set of ids
--   2 active      sorted set of ids
--   3 scheduled   sorted set of ids
--   4 retry       sorted set of ids
--   5 archived    sorted set of ids
--   6 completed   sorted set of ids
--   7 totals      hash
--   8 limits      hash
--   9 bytes       integer
--   10 paused      exists while the queue is paused
-- ARGV
--   1 prefix      text
--   then per window: width integer ms
-- Returns {now ms, the six counts in the order of KEYS, when the oldest pending task entered ms (-1 none), {tasks due within each window}, {totals field, value, ...},
-- max_depth (-1 none of its own), max_bytes (the same), bytes, paused 0 or 1}.
-- #include "now"
-- #include "entry"
local pending, scheduled, retry = KEYS[1], KEYS[3], KEYS[4]

local counts = {}
for state = 1, 6 do counts[state] = redis.call('ZCARD', KEYS[state]) end

-- Each priority is a band of scores of its own, with its oldest task first.
local oldest = -1
for band = 0, 9 do
  local first = redis.call('ZRANGEBYSCORE', pending, band * BAND, (band + 1) * BAND - 1, 'WITHSCORES', 'LIMIT', 0, 1)
  if first[2] then
    local entered = entered_at(tonumber(first[2]))
    if oldest < 0 or entered < oldest then oldest = entered end
  end
end

local due = {}
for i = 2, #ARGV do
  local until_ms = now + tonumber(ARGV[i])
  due[#due + 1] = redis.call('ZCOUNT', scheduled, '-inf', until_ms) + redis.call('ZCOUNT', retry, '-inf', until_ms)
end
local limits = redis.call('HMGET', KEYS[8], 'max_depth', 'max_bytes')
return {
  now, counts, oldest, due, redis.call('HGETALL', KEYS[7]),
  tonumber(limits[1] or -1), tonumber(limits[2] or -1), tonumber(redis.call('GET', KEYS[9]) or 0),
  redis.call('EXISTS', KEYS[10]),
}
