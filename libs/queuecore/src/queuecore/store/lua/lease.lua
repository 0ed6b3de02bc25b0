-- Lease pending tasks to a worker, highest priority and oldest first.
-- Guarantee: a task has one lease at a time. Each lease carries a fencing token that increases with every lease of the
-- task, also when the task was deleted and its id is in use again; a call with an older token is stale. Everything is
-- checked before a task is removed from `pending`. Ids without an envelope are dropped and counted; envelopes of a newer
-- version stay pending. A paused queue leases no task. A call that runs after `valid_until_ms` leases no task, because
-- its caller has stopped waiting for the reply. At most 1000 tasks are examined.
-- KEYS
--   pending       sorted set of ids
--   active        sorted set of ids
--   wake          list
--   totals        hash
--   paused        exists while the queue is paused
--   large         exists while the queue may hold large envelopes
-- ARGV
--   limit         integer, 1 to 1000
--   max_bytes     integer, of the leased envelopes together; a single one may exceed it
--   skip          integer, tasks of a newer version that earlier calls have found at the front
--   lease_ms      integer
--   worker        text
--   pod           text
--   newest        integer, the newest envelope version that the worker reads
--   valid_until_ms integer, Unix time on the server's clock; 0: always
-- Returns {now ms, orphans, tasks of a newer version, tasks behind the examined ones, {id, envelope, token, attempt,
-- excused, entry score, ...}}, or {now ms} when the call ran too late.
-- #include "now"
-- #include "task"
-- #include "large"
-- #include "candidates"
-- #include "drop"
-- #include "wake"
-- #include "full"

if valid_until_ms > 0 and now > valid_until_ms then return { now } end
if redis.call('EXISTS', paused) == 1 then
  redis.call('DEL', wake)
  return { now, 0, 0, 0, {} }
end

if skip > 0 and redis.call('ZCARD', pending) <= skip then skip = 0 end
choose(pending, skip, large, { limit = limit, max_bytes = max_bytes, newest = newest })
if skip == 0 and newer == 0 and examined > 0 then
  redis.call('ZREMRANGEBYRANK', pending, 0, examined - 1)
else
  if #chosen > 0 then redis.call('ZREM', pending, unpack(chosen)) end
  if #orphans > 0 then redis.call('ZREM', pending, unpack(orphans)) end
end
if found_large then mark_large(large) end
for _, id in ipairs(orphans) do drop(id) end
count_dropped(totals)

local records = {}
for i, id in ipairs(chosen) do records[i] = record_key(id) end
-- Most tasks have no record before their first attempt. One command finds that out for all of them.
local have_records = #records > 0 and redis.call('EXISTS', unpack(records)) > 0
-- Attempts that a record keeps: queuecore.domain.task.HISTORY_LENGTH.
local HISTORY = 20
local opened = cmsgpack.pack({ worker, pod, now })

-- Returns the token, the number of the attempt, and the excused ones before it.
local function begin_attempt(id, record)
  if not have_records then
    redis.call('HSET', record, 'token', now_us, 'attempt', 1, 'a:1', opened)
    return now_us, 1, 0
  end
  local run = read_record(id, 'token', 'attempt', 'excused')
  local token, attempt = math.max((tonumber(run[1]) or 0) + 1, now_us), (tonumber(run[2]) or 0) + 1
  redis.call('HSET', record, 'token', token, 'attempt', attempt, 'a:' .. attempt, opened)
  if attempt > HISTORY then redis.call('HDEL', record, 'a:' .. (attempt - HISTORY)) end
  return token, attempt, tonumber(run[3]) or 0
end

local leased, leases = {}, {}
for i, id in ipairs(chosen) do
  local at = #leased
  leased[at + 1], leased[at + 2] = id, envelopes[i]
  leased[at + 3], leased[at + 4], leased[at + 5] = begin_attempt(id, records[i])
  leased[at + 6] = tonumber(scores[i])
  leases[#leases + 1], leases[#leases + 2] = now + lease_ms, id
end
if #leases > 0 then redis.call('ZADD', active, unpack(leases)) end
local behind = math.max(redis.call('ZCARD', pending) - skip - newer, 0)
if behind > 0 then wake_one(wake) else redis.call('DEL', wake) end
return { now, dropped, newer, behind, leased }
