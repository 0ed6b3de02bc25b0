-- Lease pending tasks to a worker, highest priority and oldest first.
-- Guarantee: a task has one lease at a time. Each lease carries a fencing token that increases with every lease of the
-- task, also when the task was deleted and its id is in use again; a call with an older token is stale. Ids without an
-- envelope are dropped and counted; envelopes of a newer version stay pending. A paused queue leases no task. A call that
-- runs after `valid_until_ms` leases no task, because its caller has stopped waiting for the reply.
-- KEYS
--   pending       sorted set of ids
--   active        sorted set of ids
--   wake          list
--   totals        hash
--   paused        exists while the queue is paused
-- ARGV
--   limit         integer, 1 to 1000
--   lease_ms      integer
--   worker        text
--   pod           text
--   newest        integer, the newest envelope version that the worker reads
--   history       integer, how many attempts a record keeps
--   valid_until_ms integer, Unix time on the server's clock; 0: always
-- Returns {now ms, orphans, tasks of a newer version, {id, envelope, token, attempt, excused, entered ms, ...}}, or
-- {now ms} when the call ran too late.
-- #include "now"
-- #include "task"
-- #include "entry"
-- #include "orphan"
-- #include "wake"

if valid_until_ms > 0 and now > valid_until_ms then return { now } end
if redis.call('EXISTS', paused) == 1 then
  redis.call('DEL', wake)
  return { now, 0, 0, {} }
end

local opened = cmsgpack.pack({ worker, pod, now })
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
