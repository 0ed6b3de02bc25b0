-- Make due tasks pending, scheduled ones and retries alike.
-- Guarantee: no task becomes pending before its due time on the server's clock. Any number of schedulers may call at once.
-- KEYS
--   scheduled     sorted set of ids
--   retry         sorted set of ids
--   pending       sorted set of ids
--   wake          list
--   totals        hash
-- ARGV
--   limit         integer, per state, at most 1000
-- Returns {now us, next due ms (-1 none), orphans, {how late each promoted task is, ms, ...}}.
-- #include "now"
-- #include "task"
-- #include "entry"
-- #include "drop"
-- #include "wake"

local late, entries, next_due = {}, {}, -1

local function promote_from(waiting)
  local due = redis.call('ZRANGEBYSCORE', waiting, '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit)
  local ids = {}
  for i = 1, #due, 2 do
    local id = due[i]
    ids[#ids + 1] = id
    local priority = is_id(id) and priority_of(id)
    if priority then
      late[#late + 1] = now - tonumber(due[i + 1])
      entries[#entries + 1] = entry_score(pending, priority)
      entries[#entries + 1] = id
    else
      drop(id)
    end
  end
  if #ids > 0 then redis.call('ZREM', waiting, unpack(ids)) end
  local first = tonumber(redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2])
  if first and (next_due < 0 or first < next_due) then next_due = first end
end

promote_from(scheduled)
promote_from(retry)
for first = 1, #entries, 1000 do
  redis.call('ZADD', pending, unpack(entries, first, math.min(first + 999, #entries)))
end
if #late > 0 then wake_one(wake) end
count_dropped(totals)
return { now_us, next_due, dropped, late }
