-- Record what a running handler reports of its progress.
-- Guarantee: only the current lease of an active task writes.
-- KEYS
--   1 active      sorted set of ids
-- ARGV
--   1 prefix      text
--   then per task: id text, token integer, progress bytes
-- Returns a reply per task: DONE or STALE.
-- #include "reply"
-- #include "task"
-- #include "full"
local active = KEYS[1]

local replies = {}
for first = 2, #ARGV, 3 do
  local id = ARGV[first]
  local record = record_key(id)
  local reply = STALE
  if redis.call('HGET', record, 'token') == ARGV[first + 1] and redis.call('ZSCORE', active, id) then
    redis.call('HSET', record, 'progress', ARGV[first + 2])
    reply = DONE
  end
  replies[#replies + 1] = reply
end
return replies
