-- Totals of the attempts that one call settles, summed in memory and written with one command per field.
local sums = {}

local function add(field, amount)
  sums[field] = (sums[field] or 0) + amount
end

-- label: the task type in metrics. Buckets: histogram buckets of the run time and of the wait before it.
local function add_settlement(outcome, label, run_ms, run_bucket, wait_ms, wait_bucket)
  add('processed:' .. outcome .. ':' .. label, 1)
  add('run_ms:' .. label, run_ms)
  add('run:' .. run_bucket .. ':' .. label, 1)
  add('wait_ms:' .. label, wait_ms)
  add('wait:' .. wait_bucket .. ':' .. label, 1)
end

local function write_settlements(totals)
  for field, amount in pairs(sums) do redis.call('HINCRBY', totals, field, amount) end
end
