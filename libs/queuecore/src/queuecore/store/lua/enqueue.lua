-- Enqueue tasks: each becomes pending, or scheduled when it is due later.
-- Guarantee: a task exists once per id, once per unique lock and once per idempotency key. For each task everything is
-- checked before anything is written. A repeated call with the same bytes, after a lost reply, changes nothing. No new
-- task exceeds the limits of the queue; a task that was accepted before gets the same reply as before. Nothing is
-- written for a caller that does not know the durability of the queue.
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
--   answer_bytes  hash
--   large         exists while the queue may hold large envelopes
-- ARGV
--   default_max_depth  integer, for a queue without a limit of its own; -1: none
--   default_max_bytes  integer, for a queue without a limit of its own; -1: none
--   durability         text, the queue's own level as the caller knows it; empty: none
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
-- TOO_DEEP and TOO_LARGE with "<used> <limit> <needed>", OTHER_DURABILITY with the queue's own level.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "entry"
-- #include "due"
-- #include "duplicate"
-- #include "large"
-- #include "answers"
-- #include "queue_limits"
-- #include "wake"

local own = redis.call('HMGET', limits, 'max_depth', 'max_bytes', 'durability')
if (own[3] or '') ~= durability then
  local refusals = {}
  for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do refusals[#refusals + 1] = { OTHER_DURABILITY, own[3] or '' } end
  return refusals
end
local waiting, others = { pending, scheduled, retry }, { active, archived, completed }
read_limits(own, { default_max_depth, default_max_bytes }, waiting, others, bytes, answer_bytes)

-- One MGET reads the envelopes that exist, one MSET writes the new ones.
local keys = {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item task_id
  keys[#keys + 1] = envelope_key(task_id)
end
local found = #keys > 0 and redis.call('MGET', unpack(keys))
local accepted, envelopes, entries, enqueued, replies = {}, {}, {}, {}, {}

local function accept(key, task_id, envelope, priority, due_at_ms)
  accepted[task_id] = envelope
  envelopes[#envelopes + 1], envelopes[#envelopes + 2] = key, envelope
  count_task(#envelope)
  if #envelope > LARGE then mark_large(large) end
  if due_at_ms > now then
    wait_until(scheduled, task_id, due_at_ms)
    return 'scheduled'
  end
  entries[#entries + 1], entries[#entries + 2] = entry_score(pending, priority), task_id
  return 'pending'
end

for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item
  local key, stored = keys[#replies + 1], accepted[task_id] or found[#replies + 1]
  local reply = answer ~= '' and stored_answer(answer)
    or stored and same_id(scheduled, task_id, envelope, stored)
    or lock ~= '' and held_lock(lock, accepted)
    or beyond_limits(#envelope, answer ~= '')
  if not reply then
    reply = { DONE, task_id .. ' ' .. accept(key, task_id, envelope, priority, due_at_ms) }
    if lock ~= '' then redis.call('SET', prefix .. 'u:' .. lock, task_id, 'PX', window_ms) end
    if answer ~= '' then
      redis.call('SET', prefix .. 'i:' .. answer, reply[2], 'PX', answer_ttl_ms)
      count_answer(answer_ttl_ms)
    end
    enqueued[label] = (enqueued[label] or 0) + 1
  end
  replies[#replies + 1] = reply
end

if #envelopes > 0 then redis.call('MSET', unpack(envelopes)) end
if #entries > 0 then
  redis.call('ZADD', pending, unpack(entries))
  wake_one(wake)
end
write_bytes(bytes)
write_answers(answer_bytes)
for label, number in pairs(enqueued) do redis.call('HINCRBY', totals, 'enqueued:' .. label, number) end
return replies
