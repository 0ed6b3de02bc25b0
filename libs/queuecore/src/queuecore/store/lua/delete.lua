-- Delete a task that is not running, with all that is kept of it.
-- Guarantee: after DONE nothing of the task is left, its unique lock included.
-- KEYS
--   1 active      sorted set of ids
--   2 pending     sorted set of ids
--   3 scheduled   sorted set of ids
--   4 retry       sorted set of ids
--   5 archived    sorted set of ids
--   6 completed   sorted set of ids
--   7 bytes       integer
-- ARGV
--   1 prefix      text
--   2 id          text
--   3 lock        text ('' none)
-- Returns a reply: DONE, ACTIVE (nothing was changed) or NOT_FOUND.
-- #include "reply"
-- #include "task"
-- #include "forget"
-- #include "lock"
local id, lock = ARGV[2], ARGV[3]

if redis.call('ZSCORE', KEYS[1], id) then return ACTIVE end
local found = redis.call('EXISTS', envelope_key(id)) == 1
for state = 2, 6 do redis.call('ZREM', KEYS[state], id) end
forget(id)
write_freed(KEYS[7])
unlock(lock, id)
return found and DONE or NOT_FOUND
