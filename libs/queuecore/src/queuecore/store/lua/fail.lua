-- End attempts that did not succeed: the task is tried again later, or archived.
-- Guarantee: only the current lease of an active task counts; a task whose cancel was asked for is archived whatever the
-- caller decided.
-- KEYS
--   1 active      sorted set of ids
--   2 retry       sorted set of ids
--   3 archived    sorted set of ids
--   4 totals      hash
-- ARGV
--   1 prefix      text
--   then per task: id text, token integer, attempt integer, closed bytes, error text, delay integer ms (-1 archive), reason text, retention integer ms, lock text ('' none), label text, run integer ms, run_bucket integer, wait integer ms, wait_bucket integer
-- Returns a reply per task: DONE, CANCELLED (archived because of a cancel) or STALE.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "due"
-- #include "lock"
-- #include "archive"
-- #include "settled"
local active, retry, archived, totals = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local WIDTH = 14

local replies = {}
for first = 2, #ARGV, WIDTH do
  local id, attempt, closed, message = ARGV[first], ARGV[first + 2], ARGV[first + 3], ARGV[first + 4]
  local delay, reason, retention, lock = tonumber(ARGV[first + 5]), ARGV[first + 6], tonumber(ARGV[first + 7]), ARGV[first + 8]
  local record = record_key(id)
  local run = redis.call('HMGET', record, 'token', 'cancel')
  local reply = STALE
  if run[1] == ARGV[first + 1] and redis.call('ZREM', active, id) == 1 then
    reply = DONE
    if run[2] then delay, reason, reply = -1, 'cancelled', CANCELLED end
    redis.call('HSET', record, 'a:' .. attempt, closed, 'last_error', message)
    redis.call('HDEL', record, 'lost')
    local outcome = 'archived'
    if delay >= 0 then
      outcome = 'retry'
      redis.call('HINCRBY', record, 'retried', 1)
      wait_until(retry, id, now + delay)
    else
      archive(archived, id, reason, retention, lock)
    end
    tally(outcome, ARGV[first + 9], tonumber(ARGV[first + 10]), ARGV[first + 11], tonumber(ARGV[first + 12]), ARGV[first + 13])
  end
  replies[#replies + 1] = reply
end
write_tally(totals)
count_archived(totals)
return replies
