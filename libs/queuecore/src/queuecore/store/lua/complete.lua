-- Complete tasks whose attempt succeeded.
-- Guarantee: only the newest lease settles a task. A success that comes after its lease lapsed counts as long as nobody
-- leased the task again and nobody cancelled it. Sent twice, it counts once.
-- KEYS
--   1 active      sorted set of ids
--   2 completed   sorted set of ids
--   3 pending     sorted set of ids
--   4 retry       sorted set of ids
--   5 archived    sorted set of ids
--   6 totals      hash
--   7 bytes       integer
-- ARGV
--   1 prefix      text
--   then per task: id text, token integer, attempt integer, closed bytes, result bytes ('' none), retention integer ms, lock text ('' none), label text, run integer ms, run_bucket integer, wait integer ms, wait_bucket integer
-- Returns a reply per task: DONE or STALE.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "forget"
-- #include "lock"
-- #include "settled"
local active, completed, pending, retry, archived, totals = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local WIDTH = 12

-- Take the task out of the state in which its lease lapsed; false when a success no longer counts.
local function take_lapsed(id)
  if redis.call('ZREM', retry, id) == 1 or redis.call('ZREM', pending, id) == 1 then return true end
  local reason = redis.call('HGET', record_key(id), 'reason')
  return reason ~= 'cancelled' and redis.call('ZREM', archived, id) == 1
end

local replies = {}
for first = 2, #ARGV, WIDTH do
  local id, attempt, closed, result = ARGV[first], ARGV[first + 2], ARGV[first + 3], ARGV[first + 4]
  local retention, lock = tonumber(ARGV[first + 5]), ARGV[first + 6]
  local record = record_key(id)
  local reply = STALE
  if redis.call('HGET', record, 'token') == ARGV[first + 1] then
    if redis.call('ZREM', active, id) == 1 or take_lapsed(id) then
      reply = DONE
      if retention > 0 then
        redis.call('ZADD', completed, now + retention, id)
        redis.call('HSET', record, 'a:' .. attempt, closed, 'ended_at', now, 'result', result)
        redis.call('HDEL', record, 'reason', 'progress', 'cancel')
      else
        forget(id)
      end
      unlock(lock, id)
      tally('completed', ARGV[first + 7], tonumber(ARGV[first + 8]), ARGV[first + 9], tonumber(ARGV[first + 10]), ARGV[first + 11])
    elseif redis.call('ZSCORE', completed, id) then
      reply = DONE
    end
  end
  replies[#replies + 1] = reply
end
write_tally(totals)
write_freed(KEYS[7])
return replies
