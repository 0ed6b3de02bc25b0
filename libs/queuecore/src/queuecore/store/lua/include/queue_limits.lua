-- Refuse tasks beyond the limits of a queue, and count the bytes of its envelopes. Needs reply.lua, answers.lua.
local max_depth, max_bytes
local depth, used, added = 0, 0, 0

-- waiting: the states whose tasks count towards the depth. others: the other states.
local function read_limits(own, defaults, waiting, others, bytes, answer_bytes)
  max_depth, max_bytes = tonumber(own[1] or defaults[1]), tonumber(own[2] or defaults[2])
  if max_depth >= 0 then
    for _, state in ipairs(waiting) do depth = depth + redis.call('ZCARD', state) end
  end
  if max_bytes >= 0 then
    -- Envelopes that the server has lost still count, until the queue is empty.
    local is_empty = redis.call('EXISTS', unpack(waiting)) == 0 and redis.call('EXISTS', unpack(others)) == 0
    if not is_empty then used = tonumber(redis.call('GET', bytes) or 0) end
    read_answers(answer_bytes)
  end
end

-- The refusal of a task with an envelope of this size, and an idempotency key if has_key; nil within the limits.
local function beyond_limits(size, has_key)
  if max_depth >= 0 and depth >= max_depth then return { TOO_DEEP, depth .. ' ' .. max_depth .. ' 1' } end
  local held, needed = used + answered, has_key and size + ANSWER_BYTES or size
  if max_bytes >= 0 and held + needed > max_bytes then
    return { TOO_LARGE, held .. ' ' .. max_bytes .. ' ' .. needed }
  end
end

local function count_task(size)
  depth, used, added = depth + 1, used + size, added + size
end

-- Call it once, after the last task.
local function write_bytes(bytes)
  if added == 0 then return end
  if max_bytes >= 0 then redis.call('SET', bytes, used) else redis.call('INCRBY', bytes, added) end
end
