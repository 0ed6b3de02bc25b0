-- Count the tasks of a queue, in time logarithmic in their number.
-- KEYS
--   pending       sorted set of ids
--   active        sorted set of ids
--   scheduled     sorted set of ids
--   retry         sorted set of ids
--   archived      sorted set of ids
--   completed     sorted set of ids
--   totals        hash
--   limits        hash
--   bytes         integer
--   answer_bytes  hash
--   paused        exists while the queue is paused
-- ARGV per window
--   window_ms     integer, tasks due within it are counted
-- Returns {now ms, {tasks pending, active, scheduled, retry, archived, completed}, when the oldest pending task entered ms
-- (-1 none), {tasks due within each window}, {totals field, value, ...}, max_depth (-1 none of its own), max_bytes (-1 none
-- of its own), bytes that max_bytes counts, paused 0 or 1, durability (empty none of its own)}.
-- #include "now"
-- #include "entry"
-- #include "answers"

local counts = {}
for i, state in ipairs({ pending, active, scheduled, retry, archived, completed }) do
  counts[i] = redis.call('ZCARD', state)
end

-- Each priority has a band of scores, its oldest task first. Empty sets are not searched: most queues are idle.
local oldest = -1
for band = 0, counts[1] > 0 and 9 or -1 do
  local first = redis.call('ZRANGEBYSCORE', pending, band * BAND, (band + 1) * BAND - 1, 'WITHSCORES', 'LIMIT', 0, 1)
  if first[2] then
    local entered = entered_at(tonumber(first[2]))
    if oldest < 0 or entered < oldest then oldest = entered end
  end
end

local due = {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item
  local until_ms = now + window_ms
  local number = 0
  if counts[3] > 0 then number = redis.call('ZCOUNT', scheduled, '-inf', until_ms) end
  if counts[4] > 0 then number = number + redis.call('ZCOUNT', retry, '-inf', until_ms) end
  due[#due + 1] = number
end
read_answers(answer_bytes)
local own = redis.call('HMGET', limits, 'max_depth', 'max_bytes', 'durability')
return {
  now, counts, oldest, due, redis.call('HGETALL', totals),
  tonumber(own[1] or -1), tonumber(own[2] or -1), tonumber(redis.call('GET', bytes) or 0) + answered,
  redis.call('EXISTS', paused), own[3] or '',
}
