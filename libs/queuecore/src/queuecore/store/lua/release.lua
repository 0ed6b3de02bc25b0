-- Give tasks back that were leased and not finished: they are pending again and the attempt does not count.
-- Guarantee: only the current lease counts, and it ends here: whatever its holder still sends changes nothing.
-- Idle workers are told, also when no task is given: a worker that stops may have swallowed a wake-up.
-- KEYS
--   1 active      sorted set of ids
--   2 pending     sorted set of ids
--   3 archived    sorted set of ids
--   4 wake        list
--   5 totals      hash
--   6 bytes       integer
-- ARGV
--   1 prefix      text
--   then per task: id text, token integer, retention integer ms of an archived task, lock text ('' none)
-- Returns a reply per task: DONE, CANCELLED (archived because of a cancel), NOT_FOUND (no envelope) or STALE.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "forget"
-- #include "entry"
-- #include "orphan"
-- #include "lock"
-- #include "archive"
-- #include "wake"
local active, pending, archived, wake, totals = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local WIDTH = 4

local function undo_attempt(record, attempt)
  redis.call('HDEL', record, 'a:' .. attempt, 'token')
  redis.call('HSET', record, 'attempt', tonumber(attempt) - 1)
end

local replies, orphans = {}, 0
for first = 2, #ARGV, WIDTH do
  local id, retention, lock = ARGV[first], tonumber(ARGV[first + 2]), ARGV[first + 3]
  local record = record_key(id)
  local run = redis.call('HMGET', record, 'token', 'cancel', 'attempt')
  local reply = STALE
  if run[1] == ARGV[first + 1] and redis.call('ZREM', active, id) == 1 then
    local priority = priority_of(id)
    if not priority then
      reply, orphans = NOT_FOUND, orphans + 1
      forget(id)
    else
      undo_attempt(record, run[3])
      if run[2] then
        reply = CANCELLED
        archive(archived, id, 'cancelled', retention, lock)
      else
        reply = DONE
        redis.call('ZADD', pending, entry_score(pending, priority), id)
      end
    end
  end
  replies[#replies + 1] = reply
end
count_orphans(totals, orphans)
count_archived(totals)
write_freed(KEYS[6])
if redis.call('ZCARD', pending) > 0 then wake_one(wake) end
return replies
