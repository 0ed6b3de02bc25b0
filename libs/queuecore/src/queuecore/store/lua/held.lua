-- Find what certain workers hold, of the leases that are the next to lapse.
-- Those of a worker that has stopped renewing are the first to lapse, so few need to be looked at.
-- KEYS
--   1 active      sorted set of ids
-- ARGV
--   1 prefix      text
--   2 limit       integer, at most 1000
--   then per worker: name text
-- Returns {worker, id, losses, ...}.
-- #include "task"
local wanted, held = {}, {}
for i = 3, #ARGV do wanted[ARGV[i]] = true end

for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[2]) - 1)) do
  local run = redis.call('HMGET', record_key(id), 'attempt', 'lost')
  local opened = run[1] and redis.call('HGET', record_key(id), 'a:' .. run[1])
  local worker = opened and cmsgpack.unpack(opened)[1]
  if worker and wanted[worker] then
    local at = #held
    held[at + 1], held[at + 2], held[at + 3] = worker, id, tonumber(run[2]) or 0
  end
end
return held
