-- Make due tasks pending, scheduled ones and retries alike.
-- Guarantee: no task before its time by the server's clock; any number of schedulers may call it at once.
-- KEYS
--   1 scheduled   sorted set of ids
--   2 retry       sorted set of ids
--   3 pending     sorted set of ids
--   4 wake        list
--   5 totals      hash
-- ARGV
--   1 prefix      text
--   2 limit       integer, at most 1000
-- Returns {now us, next due ms (-1 none), orphans, {how late each promoted task is, ms, ...}}.
-- #include "now"
-- #include "task"
-- #include "entry"
-- #include "orphan"
-- #include "wake"
local pending, wake, totals = KEYS[3], KEYS[4], KEYS[5]
local limit = tonumber(ARGV[2])
local late, entries, orphans, next_due = {}, {}, 0, -1

local function promote_from(waiting)
  local due = redis.call('ZRANGEBYSCORE', waiting, '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit)
  local ids = {}
  for i = 1, #due, 2 do
    local id = due[i]
    ids[#ids + 1] = id
    local priority = priority_of(id)
    if priority then
      late[#late + 1] = now - tonumber(due[i + 1])
      entries[#entries + 1] = entry_score(pending, priority)
      entries[#entries + 1] = id
    else
      orphans = orphans + 1
      redis.call('DEL', record_key(id))
    end
  end
  if #ids > 0 then redis.call('ZREM', waiting, unpack(ids)) end
  local first = tonumber(redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2])
  if first and (next_due < 0 or first < next_due) then next_due = first end
end

promote_from(KEYS[1])
promote_from(KEYS[2])
for first = 1, #entries, 1000 do
  redis.call('ZADD', pending, unpack(entries, first, math.min(first + 999, #entries)))
end
if #late > 0 then wake_one(wake) end
count_orphans(totals, orphans)
return { now_us, next_due, orphans, late }
