-- Count the bytes of stored answers to idempotent enqueues until the answers expire. Needs now.lua.
-- A hash has the bytes of all answers that end at a time. Their ends are rounded up to a multiple of a 24th of their
-- lifetime, which bounds the fields, whatever the number of answers.
local ANSWER_BYTES = 490 -- the memory of an answer and of the claim of its key
local ENDS_PER_LIFETIME = 24
local answered, new_answers = 0, {}

-- A field that is no time is damage, and deleted like one that has passed.
local function is_live(ends_at) return (tonumber(ends_at) or 0) > now end

local function read_answers(answer_bytes)
  local ends = redis.call('HGETALL', answer_bytes)
  for i = 1, #ends, 2 do
    if is_live(ends[i]) then answered = answered + (tonumber(ends[i + 1]) or 0) end
  end
end

local function count_answer(ttl_ms)
  local step = math.ceil(ttl_ms / ENDS_PER_LIFETIME)
  local ends_at = math.ceil((now + ttl_ms) / step) * step
  answered = answered + ANSWER_BYTES
  new_answers[ends_at] = (new_answers[ends_at] or 0) + ANSWER_BYTES
end

-- Call it once, after the last answer. Only the first answer that ends at a time deletes what has expired.
local function write_answers(answer_bytes)
  for ends_at, size in pairs(new_answers) do
    if redis.call('HINCRBY', answer_bytes, ends_at, size) == size then
      for _, each in ipairs(redis.call('HKEYS', answer_bytes)) do
        if not is_live(each) then redis.call('HDEL', answer_bytes, each) end
      end
      if redis.call('PTTL', answer_bytes) < ends_at - now then redis.call('PEXPIREAT', answer_bytes, ends_at) end
    end
  end
end
