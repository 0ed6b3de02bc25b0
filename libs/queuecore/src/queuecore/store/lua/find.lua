-- Read one task and its run record.
-- KEYS
--   1 active      sorted set of ids
--   2 pending     sorted set of ids
--   3 scheduled   sorted set of ids
--   4 retry       sorted set of ids
--   5 archived    sorted set of ids
--   6 completed   sorted set of ids
-- ARGV
--   1 prefix      text
--   2 id          text
-- Returns nil when there is no such task, else {place among KEYS, the state's own time ms, envelope, {field, value, ...}}.
-- #include "now"
-- #include "task"
-- #include "entry"
local id = ARGV[2]
local envelope = redis.call('GET', envelope_key(id))
if not envelope then return nil end
for place, key in ipairs(KEYS) do
  local score = tonumber(redis.call('ZSCORE', key, id))
  if score then
    if place == 2 then score = entered_at(score) end
    return { place, score, envelope, redis.call('HGETALL', record_key(id)) }
  end
end
return nil
