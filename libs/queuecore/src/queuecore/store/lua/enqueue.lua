-- Enqueue tasks: each becomes pending, or scheduled when its time lies ahead.
-- Guarantee: a task exists once per id, once per unique lock and once per idempotency key; for each task everything is
-- checked before anything is written. A repeated call with the same bytes (its reply was lost) does no harm. No new
-- task enters beyond the queue's limits; what was taken before is answered as before.
-- KEYS
--   1 pending     sorted set of ids
--   2 scheduled   sorted set of ids
--   3 retry       sorted set of ids
--   4 active      sorted set of ids
--   5 archived    sorted set of ids
--   6 completed   sorted set of ids
--   7 wake        list
--   8 totals      hash
--   9 limits      hash
--   10 bytes      integer
-- ARGV
--   1 prefix      text
--   2 max_depth   integer, for a queue without a limit of its own (-1 none)
--   3 max_bytes   integer, the same
--   then per task: id text, envelope bytes, priority 0-9, due integer ms (0 at once), lock text ('' none), window integer ms, answer text ('' none), answer_ttl integer ms, label text
-- Returns per task {reply, text}: DONE and REPLAYED with "<id> <state>", DUPLICATE_ID and LOCKED with the holder's id,
-- TOO_DEEP and TOO_LARGE with "<held> <limit> <needed>".
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "entry"
-- #include "due"
-- #include "wake"
local pending, scheduled, retry, wake, totals, bytes = KEYS[1], KEYS[2], KEYS[3], KEYS[7], KEYS[8], KEYS[10]
local WIDTH = 9

local own = redis.call('HMGET', KEYS[9], 'max_depth', 'max_bytes')
local max_depth, max_bytes = tonumber(own[1] or ARGV[2]), tonumber(own[2] or ARGV[3])
local depth, held, added = 0, 0, 0
if max_depth >= 0 then
  depth = redis.call('ZCARD', pending) + redis.call('ZCARD', scheduled) + redis.call('ZCARD', retry)
end
-- Envelopes that the server has lost still count, until the queue is empty.
if max_bytes >= 0 and redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]) > 0 then
  held = tonumber(redis.call('GET', bytes) or 0)
end

local function beyond_limits(size)
  if max_depth >= 0 and depth >= max_depth then return { TOO_DEEP, depth .. ' ' .. max_depth .. ' 1' } end
  if max_bytes >= 0 and held + size > max_bytes then return { TOO_LARGE, held .. ' ' .. max_bytes .. ' ' .. size } end
end

-- What is there, is read in one call, and what is new, written in one.
local keys = {}
for first = 4, #ARGV, WIDTH do keys[#keys + 1] = envelope_key(ARGV[first]) end
local found = #keys > 0 and redis.call('MGET', unpack(keys))
local taken, envelopes, entries = {}, {}, {}

-- The id that holds the lock; nil when it is free or its holder is gone.
local function holder_of(lock)
  local holder = redis.call('GET', prefix .. 'u:' .. lock)
  if holder and (taken[holder] or redis.call('EXISTS', envelope_key(holder)) == 1) then return holder end
end

local function refusal(id, envelope, stored, lock, answer)
  if answer ~= '' then
    local first = redis.call('GET', prefix .. 'i:' .. answer)
    if first then return { REPLAYED, first } end
  end
  if stored == envelope then
    local state = redis.call('ZSCORE', scheduled, id) and 'scheduled' or 'pending'
    return { REPLAYED, id .. ' ' .. state }
  end
  if stored then return { DUPLICATE_ID, id } end
  if lock ~= '' then
    local holder = holder_of(lock)
    if holder then return { LOCKED, holder } end
  end
  return beyond_limits(#envelope)
end

local replies, enqueued = {}, {}
for first = 4, #ARGV, WIDTH do
  local id, envelope = ARGV[first], ARGV[first + 1]
  local priority, due = tonumber(ARGV[first + 2]), tonumber(ARGV[first + 3])
  local lock, window = ARGV[first + 4], tonumber(ARGV[first + 5])
  local answer, answer_ttl = ARGV[first + 6], tonumber(ARGV[first + 7])
  local label = ARGV[first + 8]
  local key = keys[#replies + 1]
  local reply = refusal(id, envelope, taken[id] or found[#replies + 1], lock, answer)
  if not reply then
    local state = due > now and 'scheduled' or 'pending'
    taken[id] = envelope
    envelopes[#envelopes + 1], envelopes[#envelopes + 2] = key, envelope
    if state == 'scheduled' then
      wait_until(scheduled, id, due)
    else
      entries[#entries + 1], entries[#entries + 2] = entry_score(pending, priority), id
    end
    reply = { DONE, id .. ' ' .. state }
    if lock ~= '' then redis.call('SET', prefix .. 'u:' .. lock, id, 'PX', window) end
    if answer ~= '' then redis.call('SET', prefix .. 'i:' .. answer, reply[2], 'PX', answer_ttl) end
    enqueued[label] = (enqueued[label] or 0) + 1
    depth, held, added = depth + 1, held + #envelope, added + #envelope
  end
  replies[#replies + 1] = reply
end

if #envelopes > 0 then redis.call('MSET', unpack(envelopes)) end
if #entries > 0 then
  redis.call('ZADD', pending, unpack(entries))
  wake_one(wake)
end
if added > 0 and max_bytes >= 0 then
  redis.call('SET', bytes, held)
elseif added > 0 then
  redis.call('INCRBY', bytes, added)
end
for label, number in pairs(enqueued) do redis.call('HINCRBY', totals, 'enqueued:' .. label, number) end
return replies
