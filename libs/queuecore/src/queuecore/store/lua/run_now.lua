-- Make a task pending at once, whatever it waits for or however it ended.
-- Guarantee: an archived or completed task gets one more attempt, which nothing that is still sent for an earlier one
-- can end; a running one is left alone.
-- KEYS
--   1 active      sorted set of ids
--   2 pending     sorted set of ids
--   3 scheduled   sorted set of ids
--   4 retry       sorted set of ids
--   5 archived    sorted set of ids
--   6 completed   sorted set of ids
--   7 wake        list
-- ARGV
--   1 prefix      text
--   2 id          text
-- Returns a reply: DONE (also when it is pending already), ACTIVE or NOT_FOUND.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "entry"
-- #include "wake"
local active, pending, wake = KEYS[1], KEYS[2], KEYS[7]
local SCHEDULED, ARCHIVED, COMPLETED = 3, 5, 6
local id = ARGV[2]

local priority = priority_of(id)
if not priority then return NOT_FOUND end
if redis.call('ZSCORE', active, id) then return ACTIVE end
if redis.call('ZSCORE', pending, id) then return DONE end
for waiting = SCHEDULED, COMPLETED do
  if redis.call('ZREM', KEYS[waiting], id) == 1 then
    if waiting >= ARCHIVED then redis.call('HDEL', record_key(id), 'token') end
    redis.call('HDEL', record_key(id), 'reason', 'ended_at', 'cancel', 'lost', 'result', 'progress')
    redis.call('ZADD', pending, entry_score(pending, priority), id)
    wake_one(wake)
    return DONE
  end
end
return NOT_FOUND
