-- Enqueue tasks: each becomes pending, or scheduled when its time lies ahead.
-- Guarantee: a task exists once per id, once per unique lock and once per idempotency key; for each task everything is
-- checked before anything is written. A repeated call with the same bytes (its reply was lost) does no harm.
-- KEYS
--   1 pending     sorted set of ids
--   2 scheduled   sorted set of ids
--   3 wake        list
--   4 totals      hash
-- ARGV
--   1 prefix      text
--   then per task: id text, envelope bytes, priority 0-9, due integer ms (0 at once), lock text ('' none), window integer ms, answer text ('' none), answer_ttl integer ms, label text
-- Returns per task {reply, text}: DONE and REPLAYED with "<id> <state>", DUPLICATE_ID and LOCKED with the holder's id.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "entry"
-- #include "due"
-- #include "wake"
local pending, scheduled, wake, totals = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local WIDTH = 9

-- The id that holds the lock; nil when it is free or its holder is gone.
local function holder_of(lock)
  local holder = redis.call('GET', prefix .. 'u:' .. lock)
  if holder and redis.call('EXISTS', envelope_key(holder)) == 1 then return holder end
end

local function refusal(id, envelope, lock, answer)
  if answer ~= '' then
    local first = redis.call('GET', prefix .. 'i:' .. answer)
    if first then return { REPLAYED, first } end
  end
  local stored = redis.call('GET', envelope_key(id))
  if stored == envelope then
    local state = redis.call('ZSCORE', scheduled, id) and 'scheduled' or 'pending'
    return { REPLAYED, id .. ' ' .. state }
  end
  if stored then return { DUPLICATE_ID, id } end
  if lock ~= '' then
    local holder = holder_of(lock)
    if holder then return { LOCKED, holder } end
  end
end

local replies, enqueued, entered = {}, {}, false
for first = 2, #ARGV, WIDTH do
  local id, envelope = ARGV[first], ARGV[first + 1]
  local priority, due = tonumber(ARGV[first + 2]), tonumber(ARGV[first + 3])
  local lock, window = ARGV[first + 4], tonumber(ARGV[first + 5])
  local answer, answer_ttl = ARGV[first + 6], tonumber(ARGV[first + 7])
  local label = ARGV[first + 8]
  local reply = refusal(id, envelope, lock, answer)
  if not reply then
    local state = due > now and 'scheduled' or 'pending'
    redis.call('SET', envelope_key(id), envelope)
    if state == 'scheduled' then
      wait_until(scheduled, id, due)
    else
      redis.call('ZADD', pending, entry_score(pending, priority), id)
      entered = true
    end
    reply = { DONE, id .. ' ' .. state }
    if lock ~= '' then redis.call('SET', prefix .. 'u:' .. lock, id, 'PX', window) end
    if answer ~= '' then redis.call('SET', prefix .. 'i:' .. answer, reply[2], 'PX', answer_ttl) end
    enqueued[label] = (enqueued[label] or 0) + 1
  end
  replies[#replies + 1] = reply
end

if entered then wake_one(wake) end
for label, number in pairs(enqueued) do redis.call('HINCRBY', totals, 'enqueued:' .. label, number) end
return replies
