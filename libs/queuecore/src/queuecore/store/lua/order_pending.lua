-- Correct entries of pending tasks that are in the future, and raise the priority of tasks that have waited long.
-- The entries are of a time when the server's clock was ahead.
-- Guarantee: tasks of one priority keep their order. A task that has waited for n times `ageing_ms` is leased as one of
-- priority n, unless its own is higher. No more than `limit` tasks move.
-- KEYS
--   pending       sorted set of ids
--   settings      hash
-- ARGV
--   default_ageing_ms integer, for a queue without a setting of its own; 0: priorities do not age
--   limit         integer, at most 500
-- Returns {corrected entries, aged tasks, 1 when more are to be moved}.
-- #include "now"
-- #include "task"
-- #include "entry"
-- #include "known_entry"

-- A queue in order needs one read.
if redis.call('EXISTS', pending) == 0 then return { 0, 0, 0 } end

-- Entries of a call that enters many tasks may be a little ahead.
local SLACK_UNITS = 1000000 / ENTRY_UNIT_US
local now_units = math.floor(now_us / ENTRY_UNIT_US)
local left = limit

local function correct_entries(band)
  local newest = band + now_units + SLACK_UNITS
  local ahead = redis.call('ZRANGEBYSCORE', pending, '(' .. newest, band + BAND - 1, 'LIMIT', 0, left)
  if #ahead == 0 then return 0 end
  local before = redis.call('ZREVRANGEBYSCORE', pending, newest, band, 'WITHSCORES', 'LIMIT', 0, 1)
  local last = tonumber(before[2]) or band
  for _, id in ipairs(ahead) do
    last = math.max(last + 1, band + math.floor(latest_known_entry(id) * 1000 / ENTRY_UNIT_US))
    redis.call('ZADD', pending, 'XX', last, id)
  end
  left = left - #ahead
  return #ahead
end

local function age(priority, ageing_units)
  local band = (9 - priority) * BAND
  local oldest = band + now_units - (priority + 1) * ageing_units
  if oldest <= band then return 0 end
  local waiting = redis.call('ZRANGEBYSCORE', pending, band, oldest, 'WITHSCORES', 'LIMIT', 0, left)
  for i = 1, #waiting, 2 do
    local entered = tonumber(waiting[i + 1]) - band
    local aged = math.min(math.floor((now_units - entered) / ageing_units), 9)
    redis.call('ZADD', pending, 'XX', (9 - aged) * BAND + entered, waiting[i])
  end
  left = left - #waiting / 2
  return #waiting / 2
end

local corrected, aged = 0, 0
for band = 0, 9 do corrected = corrected + correct_entries(band * BAND) end
local own_ms = redis.pcall('HGET', settings, 'priority_ageing_ms')
local ageing_ms = not is_damaged(own_ms) and tonumber(own_ms) or default_ageing_ms
if ageing_ms > 0 then
  -- From the highest priority down, so that a task moves once.
  for priority = 8, 0, -1 do aged = aged + age(priority, ageing_ms * 1000 / ENTRY_UNIT_US) end
end
return { corrected, aged, left == 0 and 1 or 0 }
