-- Enqueue tasks: each becomes pending, or scheduled when it is due later.
-- Guarantee: a task exists once per id, once per unique lock and once per idempotency key. For each task everything is
-- checked before anything is written. A repeated call with the same bytes, after a lost reply, changes nothing. No new
-- task exceeds the limits of the queue; a task that was accepted before gets the same reply as before.
-- KEYS
--   pending       sorted set of ids
--   scheduled     sorted set of ids
--   retry         sorted set of ids
--   active        sorted set of ids
--   archived      sorted set of ids
--   completed     sorted set of ids
--   wake          list
--   totals        hash
--   limits        hash
--   bytes         integer
--   large         exists while the queue may hold large envelopes
-- ARGV
--   default_max_depth  integer, for a queue without a limit of its own; -1: none
--   default_max_bytes  integer, for a queue without a limit of its own; -1: none
-- ARGV per task
--   task_id       text
--   envelope      bytes
--   priority      integer, 0 to 9
--   due_at_ms     integer, Unix time; 0: at once
--   lock          text, digest of the unique lock; empty: none
--   window_ms     integer, lifetime of the unique lock
--   answer        text, digest of the idempotency key; empty: none
--   answer_ttl_ms integer, lifetime of the stored answer
--   label         text, the task type in metrics
-- Returns per task {reply, text}: DONE and REPLAYED with "<id> <state>", DUPLICATE_ID and LOCKED with the holder's id,
-- TOO_DEEP and TOO_LARGE with "<used> <limit> <needed>".
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "entry"
-- #include "due"
-- #include "large"
-- #include "wake"

local own = redis.call('HMGET', limits, 'max_depth', 'max_bytes')
local max_depth, max_bytes = tonumber(own[1] or default_max_depth), tonumber(own[2] or default_max_bytes)
local depth, used, added = 0, 0, 0
if max_depth >= 0 then
  depth = redis.call('ZCARD', pending) + redis.call('ZCARD', scheduled) + redis.call('ZCARD', retry)
end
-- Envelopes that the server has lost still count, until the queue is empty.
if max_bytes >= 0 and redis.call('EXISTS', pending, scheduled, retry, active, archived, completed) > 0 then
  used = tonumber(redis.call('GET', bytes) or 0)
end

local function beyond_limits(size)
  if max_depth >= 0 and depth >= max_depth then return { TOO_DEEP, depth .. ' ' .. max_depth .. ' 1' } end
  if max_bytes >= 0 and used + size > max_bytes then return { TOO_LARGE, used .. ' ' .. max_bytes .. ' ' .. size } end
end

-- One MGET reads the envelopes that exist, one MSET writes the new ones.
local keys = {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item task_id
  keys[#keys + 1] = envelope_key(task_id)
end
local found = #keys > 0 and redis.call('MGET', unpack(keys))
local accepted, envelopes, entries = {}, {}, {}

-- The id that holds the lock; nil when it is free or its holder is gone.
local function holder_of(lock)
  local holder = read_text(prefix .. 'u:' .. lock)
  if holder and (accepted[holder] or redis.call('EXISTS', envelope_key(holder)) == 1) then return holder end
end

local function refusal(task_id, envelope, stored, lock, answer)
  if answer ~= '' then
    local first = read_text(prefix .. 'i:' .. answer)
    if first and string.find(first, '^[\33-\126]+ %l+$') then return { REPLAYED, first } end
  end
  if stored == envelope then
    local state = redis.call('ZSCORE', scheduled, task_id) and 'scheduled' or 'pending'
    return { REPLAYED, task_id .. ' ' .. state }
  end
  if stored then return { DUPLICATE_ID, task_id } end
  if lock ~= '' then
    local holder = holder_of(lock)
    if holder then return { LOCKED, holder } end
  end
  return beyond_limits(#envelope)
end

local replies, enqueued = {}, {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item
  local key = keys[#replies + 1]
  local reply = refusal(task_id, envelope, accepted[task_id] or found[#replies + 1], lock, answer)
  if not reply then
    local state = due_at_ms > now and 'scheduled' or 'pending'
    accepted[task_id] = envelope
    envelopes[#envelopes + 1], envelopes[#envelopes + 2] = key, envelope
    if state == 'scheduled' then
      wait_until(scheduled, task_id, due_at_ms)
    else
      entries[#entries + 1], entries[#entries + 2] = entry_score(pending, priority), task_id
    end
    reply = { DONE, task_id .. ' ' .. state }
    if lock ~= '' then redis.call('SET', prefix .. 'u:' .. lock, task_id, 'PX', window_ms) end
    if answer ~= '' then redis.call('SET', prefix .. 'i:' .. answer, reply[2], 'PX', answer_ttl_ms) end
    if #envelope > LARGE then mark_large(large) end
    enqueued[label] = (enqueued[label] or 0) + 1
    depth, used, added = depth + 1, used + #envelope, added + #envelope
  end
  replies[#replies + 1] = reply
end

if #envelopes > 0 then redis.call('MSET', unpack(envelopes)) end
if #entries > 0 then
  redis.call('ZADD', pending, unpack(entries))
  wake_one(wake)
end
if added > 0 and max_bytes >= 0 then
  redis.call('SET', bytes, used)
elseif added > 0 then
  redis.call('INCRBY', bytes, added)
end
for label, number in pairs(enqueued) do redis.call('HINCRBY', totals, 'enqueued:' .. label, number) end
return replies
