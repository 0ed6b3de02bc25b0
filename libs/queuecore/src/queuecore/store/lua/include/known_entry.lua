-- When a pending task can have become pending, by its stored data. Needs now.lua, task.lua.
-- MessagePack: the bytes that hold the length of a string or of binary data. The library of the server cannot unpack the
-- latter.
local WIDTHS = { [0xc4] = 1, [0xc5] = 2, [0xc6] = 4, [0xd9] = 1, [0xda] = 2, [0xdb] = 4 }

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
