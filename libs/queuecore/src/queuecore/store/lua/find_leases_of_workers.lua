-- Find the leases of certain workers among the leases of a queue that expire next.
-- A worker that has stopped renewing holds the leases that expire first, so a short range of them is enough.
-- KEYS
--   active        sorted set of ids
-- ARGV
--   limit         integer, how many leases to examine, at most 1000
-- ARGV per worker
--   worker        text
-- Returns {worker, id, losses, ...}.
-- #include "task"

local wanted, leases = {}, {}
for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
  -- #item
  wanted[worker] = true
end

-- nil when the bytes of the attempt are damaged.
local function worker_of(opened)
  local is_readable, attempt = pcall(cmsgpack.unpack, opened)
  return is_readable and type(attempt) == 'table' and attempt[1] or nil
end

for _, id in ipairs(redis.call('ZRANGE', active, 0, limit - 1)) do
  local run = read_record(id, 'attempt', 'lost')
  local opened = run[1] and read_record(id, 'a:' .. run[1])[1]
  local worker = opened and worker_of(opened)
  if worker and wanted[worker] and is_id(id) then
    local at = #leases
    leases[at + 1], leases[at + 2], leases[at + 3] = worker, id, tonumber(run[2]) or 0
  end
end
return leases
