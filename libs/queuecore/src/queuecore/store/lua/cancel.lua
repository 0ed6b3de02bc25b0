-- Cancel a task: one that waits is archived at once; one that runs is marked, and its worker told.
-- Guarantee: a cancelled task is never retried.
-- KEYS
--   1 active      sorted set of ids
--   2 pending     sorted set of ids
--   3 scheduled   sorted set of ids
--   4 retry       sorted set of ids
--   5 archived    sorted set of ids
--   6 completed   sorted set of ids
--   7 totals      hash
-- ARGV
--   1 prefix      text
--   2 id          text
--   3 retention   integer ms
--   4 lock        text ('' none)
-- Returns a reply: DONE (archived), ACTIVE (marked), FINAL (it has ended) or NOT_FOUND.
-- #include "reply"
-- #include "now"
-- #include "task"
-- #include "full"
-- #include "lock"
-- #include "archive"
local active, archived, completed = KEYS[1], KEYS[5], KEYS[6]
local id, retention, lock = ARGV[2], tonumber(ARGV[3]), ARGV[4]

if redis.call('EXISTS', envelope_key(id)) == 0 then return NOT_FOUND end
if redis.call('ZSCORE', active, id) then
  redis.call('HSET', record_key(id), 'cancel', 1)
  redis.call('PUBLISH', 'taskyard:cancel', string.match(prefix, '{(.+)}') .. ' ' .. id)
  return ACTIVE
end
if redis.call('ZSCORE', archived, id) or redis.call('ZSCORE', completed, id) then return FINAL end
for waiting = 2, 4 do
  if redis.call('ZREM', KEYS[waiting], id) == 1 then
    archive(archived, id, 'cancelled', retention, lock)
    count_archived(KEYS[7])
    return DONE
  end
end
return NOT_FOUND
