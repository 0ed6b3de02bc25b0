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

-- A queue in order needs one read.
if redis.call('EXISTS', pending) == 0 then return { 0, 0, 0 } end

-- Entries of a call that enters many tasks may be a little ahead.
local SLACK_UNITS = 1000000 / ENTRY_UNIT_US
-- MessagePack: the bytes that hold the length of a string or of binary data. The library of the server cannot unpack the
-- latter.
local WIDTHS = { [0xc4] = 1, [0xc5] = 2, [0xc6] = 4, [0xd9] = 1, [0xda] = 2, [0xdb] = 4 }
local now_units = math.floor(now_us / ENTRY_UNIT_US)
local left = limit

-- The position behind the string or binary data at this position; 0 when there is none.
local function position_behind(bytes, position)
  local kind = string.byte(bytes, position) or 0
  if kind >= 0xa0 and kind <= 0xbf then return position + 1 + kind - 0xa0 end
  local width, size = WIDTHS[kind], 0
  if not width then return 0 end
  for i = 1, width do size = size * 256 + (string.byte(bytes, position + i) or 0) end
  return position + 1 + width + size
end

-- The first values of MessagePack data, at most two.
local function unpack_two(bytes)
  local is_readable, _, first, second = pcall(cmsgpack.unpack_limit, bytes, 2, 0)
  if is_readable then return first, second end
end

-- The time of the enqueue and the due time, from an envelope: version, priority, the head of an array, then type, payload,
-- and the two times. Reads no payload.
local function read_times(id)
  if not envelope_size(id) then return nil end
  local head = redis.call('GETRANGE', envelope_key(id), 0, 1023)
  local behind = position_behind(head, position_behind(head, 4))
  if behind == 0 then return nil end
  return unpack_two(redis.call('GETRANGE', envelope_key(id), behind - 1, behind + 17))
end

-- The last time at which the task can have become pending, Unix ms, as its envelope and its last attempt have it; `now`
-- when they have none before now.
local function latest_known_entry(id)
  local known = 0
  local function learn(time)
    if type(time) == 'number' and time <= now and time > known then known = time end
  end
  local enqueued, due = read_times(id)
  learn(enqueued)
  learn(due)
  local attempt = read_record(id, 'attempt')[1]
  local opened = attempt and read_record(id, 'a:' .. attempt)[1]
  local last = opened and unpack_two(opened)
  if type(last) == 'table' then
    learn(last[3])
    learn(last[4])
  end
  return known > 0 and known or now
end

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
local ageing_ms = tonumber(redis.call('HGET', settings, 'priority_ageing_ms') or default_ageing_ms)
if ageing_ms > 0 then
  -- From the highest priority down, so that a task moves once.
  for priority = 8, 0, -1 do aged = aged + age(priority, ageing_ms * 1000 / ENTRY_UNIT_US) end
end
return { corrected, aged, left == 0 and 1 or 0 }
