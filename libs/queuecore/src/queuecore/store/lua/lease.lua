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
-- #include "entry"
-- #include "drop"
-- #include "wake"

if valid_until_ms > 0 and now > valid_until_ms then return { now } end
if redis.call('EXISTS', paused) == 1 then
  redis.call('DEL', wake)
  return { now, 0, 0, 0, {} }
end

local EXAMINED, WINDOW = 1000, 200
-- Attempts that a record keeps: queuecore.domain.task.HISTORY_LENGTH.
local HISTORY = 20
-- A member that begins with this byte is no task, but something that a newer release has put there.
local NOT_A_TASK = 1

local chosen, scores, envelopes, broken = {}, {}, {}, {}
local examined, newer, used, full = 0, 0, 0, false

local function is_newer(head) return (string.byte(head, 1) or 0) > newest end

-- Read the envelopes of these candidates, and choose those that the worker reads.
local function choose(ids, at, keys)
  if #keys == 0 then return end
  for i, envelope in ipairs(redis.call('MGET', unpack(keys))) do
    if not envelope then
      broken[#broken + 1] = ids[i]
    elseif is_newer(envelope) then
      newer, used = newer + 1, used - #envelope
    else
      chosen[#chosen + 1], scores[#scores + 1], envelopes[#envelopes + 1] = ids[i], at[i], envelope
    end
  end
end

-- The number of envelopes within `max_bytes`, at least one.
local function number_within_bytes(keys)
  for i, key in ipairs(keys) do
    local size = redis.call('STRLEN', key)
    if i > 1 and used + size > max_bytes then return i - 1 end
    used = used + size
  end
  return #keys
end

-- Choose from a window of `pending` whose members are nearly always tasks that can be leased; false when one is damaged.
local function choose_fast(window)
  local ids, at, keys, envelope_prefix = {}, {}, {}, envelope_key('')
  for i = 1, #window / 2 do
    local id = window[2 * i - 1]
    ids[i], at[i], keys[i] = id, window[2 * i], envelope_prefix .. id
  end
  if not is_id(table.concat(ids)) then return false end
  local are_strings, number = pcall(number_within_bytes, keys)
  if not are_strings then
    used = 0
    return false
  end
  examined, full = number, number < #keys
  for i = #keys, number + 1, -1 do keys[i] = nil end
  choose(ids, at, keys)
  return true
end

-- Choose from a window of any members, without reading envelopes that are not leased.
local function choose_carefully(window)
  local ids, at, keys = {}, {}, {}
  full = false
  for i = 1, #window, 2 do
    local id = window[i]
    if #chosen + #ids == limit then break end
    local size = is_id(id) and envelope_size(id)
    if string.byte(id, 1) == NOT_A_TASK then
      newer = newer + 1
    elseif not size then
      broken[#broken + 1] = id
    elseif is_newer(redis.call('GETRANGE', envelope_key(id), 0, 0)) then
      newer = newer + 1
    elseif #chosen + #ids > 0 and used + size > max_bytes then
      full = true
      break
    else
      used = used + size
      ids[#ids + 1], at[#at + 1], keys[#keys + 1] = id, window[i + 1], envelope_key(id)
    end
    examined = examined + 1
  end
  choose(ids, at, keys)
end

if skip > 0 and redis.call('ZCARD', pending) <= skip then skip = 0 end
local is_fast = skip == 0
while #chosen < limit and examined < EXAMINED and not (full and #chosen > 0) do
  local from, width = skip + examined, is_fast and limit or math.min(WINDOW, EXAMINED - examined)
  local window = redis.call('ZRANGE', pending, from, from + width - 1, 'WITHSCORES')
  if #window == 0 then break end
  if not (is_fast and choose_fast(window)) then choose_carefully(window) end
  is_fast = false
end

local function remove(ids)
  if #ids > 0 then redis.call('ZREM', pending, unpack(ids)) end
end

local opened = cmsgpack.pack({ worker, pod, now })
local leased, leases = {}, {}

local function begin_attempt(id)
  local record = record_key(id)
  local run = read_record(id, 'token', 'attempt', 'excused')
  local token, attempt = math.max((tonumber(run[1]) or 0) + 1, now_us), (tonumber(run[2]) or 0) + 1
  redis.call('HSET', record, 'token', token, 'attempt', attempt, 'a:' .. attempt, opened)
  if attempt > HISTORY then redis.call('HDEL', record, 'a:' .. (attempt - HISTORY)) end
  return token, attempt, tonumber(run[3]) or 0
end

-- See include/full.lua: the first command that writes must be one that a full server does not refuse.
if #chosen + #broken == 0 then redis.call('DEL', prefix .. 'none') end
if #chosen == examined and skip == 0 and examined > 0 then
  redis.call('ZREMRANGEBYRANK', pending, 0, examined - 1)
else
  remove(chosen)
  remove(broken)
end
for _, id in ipairs(broken) do drop(id) end
for i, id in ipairs(chosen) do
  local token, attempt, excused = begin_attempt(id)
  leases[#leases + 1], leases[#leases + 2] = now + lease_ms, id
  local at = #leased
  leased[at + 1], leased[at + 2], leased[at + 3] = id, envelopes[i], token
  leased[at + 4], leased[at + 5], leased[at + 6] = attempt, excused, tonumber(scores[i])
end
if #leases > 0 then redis.call('ZADD', active, unpack(leases)) end
count_dropped(totals)
local behind = math.max(redis.call('ZCARD', pending) - skip - newer, 0)
if behind > 0 then wake_one(wake) else redis.call('DEL', wake) end
return { now, dropped, newer, behind, leased }
