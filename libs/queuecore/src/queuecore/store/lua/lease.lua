-- Lease pending tasks to a worker, highest priority and oldest first.
-- Guarantee: a task has one lease at a time. Each lease carries a token that only grows, so what an earlier holder
-- still sends is known to be stale, also when the task was deleted and its id is in use again. Ids without an envelope
-- are dropped and counted; envelopes of a newer version stay.
-- A paused queue gives nothing.
-- A call that comes too late does nothing: whoever made it waits for its answer no more, and would not know of its leases.
-- KEYS
--   1 pending     sorted set of ids
--   2 active      sorted set of ids
--   3 wake        list
--   4 totals      hash
--   5 paused      exists while the queue is paused
-- ARGV
--   1 prefix      text
--   2 limit       integer, 1 to 1000
--   3 lease_ms    integer
--   4 worker      text
--   5 pod         text
--   6 newest      integer, the newest envelope version that the worker reads
--   7 history     integer, how many attempts a record keeps
--   8 holds_until integer, until when the call holds, ms (0 always)
-- Returns {now ms, orphans, tasks of a newer version, {id, envelope, token, attempt, excused, entered ms, ...}}, or {now ms} when it
-- came too late.
-- #include "now"
-- #include "task"
-- #include "entry"
-- #include "orphan"
-- #include "wake"
local pending, active, wake, totals = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local limit, lease_ms = tonumber(ARGV[2]), tonumber(ARGV[3])
local newest, history, holds_until = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
if holds_until > 0 and now > holds_until then return { now } end
if redis.call('EXISTS', KEYS[5]) == 1 then
  redis.call('DEL', wake)
  return { now, 0, 0, {} }
end

local opened = cmsgpack.pack({ ARGV[4], ARGV[5], now })
local ROUNDS = 10

local leased, leases, newer, orphans = {}, {}, {}, 0

local function begin_attempt(id)
  local record = record_key(id)
  local run = redis.call('HMGET', record, 'token', 'attempt', 'excused')
  local token, attempt = math.max((tonumber(run[1]) or 0) + 1, now_us), (tonumber(run[2]) or 0) + 1
  redis.call('HSET', record, 'token', token, 'attempt', attempt, 'a:' .. attempt, opened)
  if attempt > history then redis.call('HDEL', record, 'a:' .. (attempt - history)) end
  return token, attempt, tonumber(run[3]) or 0
end

local function take(id, score, envelope)
  if not envelope then
    orphans = orphans + 1
    redis.call('DEL', record_key(id))
  elseif string.byte(envelope, 1) > newest then
    newer[#newer + 1] = score
    newer[#newer + 1] = id
  else
    local token, attempt, excused = begin_attempt(id)
    leases[#leases + 1] = now + lease_ms
    leases[#leases + 1] = id
    local at = #leased
    leased[at + 1], leased[at + 2], leased[at + 3] = id, envelope, token
    leased[at + 4], leased[at + 5], leased[at + 6] = attempt, excused, entered_at(tonumber(score))
  end
end

for _ = 1, ROUNDS do
  local room = limit - #leases / 2
  if room == 0 then break end
  local popped = redis.call('ZPOPMIN', pending, room)
  if #popped == 0 then break end
  local keys = {}
  for i = 1, #popped, 2 do keys[#keys + 1] = envelope_key(popped[i]) end
  local envelopes = redis.call('MGET', unpack(keys))
  for i, envelope in ipairs(envelopes) do take(popped[2 * i - 1], popped[2 * i], envelope) end
end

if #leases > 0 then redis.call('ZADD', active, unpack(leases)) end
if #newer > 0 then redis.call('ZADD', pending, unpack(newer)) end
count_orphans(totals, orphans)
if redis.call('ZCARD', pending) > #newer / 2 then wake_one(wake) else redis.call('DEL', wake) end
return { now, orphans, #newer / 2, leased }
