-- End attempts whose lease has lapsed: the worker is dead, cut off or stuck. An excused one does not count.
-- Guarantee: a lease that was renewed, settled or taken over since it was seen lapsed is left alone; a task whose cancel
-- was asked for is archived.
-- KEYS
--   1 active      sorted set of ids
--   2 retry       sorted set of ids
--   3 archived    sorted set of ids
--   4 totals      hash
-- ARGV
--   1 prefix      text
--   then per task: id text, token integer, attempt integer, closed bytes, error text, delay integer ms (-1 archive), excused 0 or 1, reason text, retention integer ms, lock text ('' none), label text
-- Returns a reply per task: DONE, CANCELLED (archived because of a cancel) or STALE.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "due"
-- #include "lock"
-- #include "archive"
local active, retry, archived, totals = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local WIDTH = 11

-- Types that nobody registered share one name: callers could make any number of them.
local function bounded(label)
  local is_known = label == 'unreadable'
    or redis.call('HEXISTS', totals, 'enqueued:' .. label) == 1
    or redis.call('HEXISTS', totals, 'run_ms:' .. label) == 1
  return is_known and label or 'unregistered'
end

local function has_lapsed(id)
  local lapses_at = tonumber(redis.call('ZSCORE', active, id))
  return lapses_at and lapses_at <= now
end

local replies = {}
for first = 2, #ARGV, WIDTH do
  local id, attempt, closed, message = ARGV[first], ARGV[first + 2], ARGV[first + 3], ARGV[first + 4]
  local delay, excused, reason = tonumber(ARGV[first + 5]), ARGV[first + 6] == '1', ARGV[first + 7]
  local retention, lock, label = tonumber(ARGV[first + 8]), ARGV[first + 9], ARGV[first + 10]
  local record = record_key(id)
  local run = redis.call('HMGET', record, 'token', 'cancel')
  local reply = STALE
  if (run[1] or '0') == ARGV[first + 1] and has_lapsed(id) then
    reply = DONE
    redis.call('ZREM', active, id)
    if run[2] then delay, reason, reply = -1, 'cancelled', CANCELLED end
    redis.call('HSET', record, 'a:' .. attempt, closed, 'last_error', message)
    redis.call('HINCRBY', record, excused and 'excused' or 'lost', 1)
    redis.call('HINCRBY', totals, 'processed:lost:' .. bounded(label), 1)
    if delay >= 0 then
      if not excused then redis.call('HINCRBY', record, 'retried', 1) end
      wait_until(retry, id, now + delay)
    else
      archive(archived, id, reason, retention, lock)
    end
  end
  replies[#replies + 1] = reply
end
count_archived(totals)
return replies
