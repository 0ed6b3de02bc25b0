-- Totals of the attempts that one call settles: summed up first, then written with one command per distinct field.
local sums = {}

local function add(field, amount)
  sums[field] = (sums[field] or 0) + amount
end

-- label: the task type as metrics name it. Buckets: the histogram bucket of the run and of the wait before it.
local function tally(outcome, label, run_ms, run_bucket, wait_ms, wait_bucket)
  add('processed:' .. outcome .. ':' .. label, 1)
  add('run_ms:' .. label, run_ms)
  add('run:' .. run_bucket .. ':' .. label, 1)
  add('wait_ms:' .. label, wait_ms)
  add('wait:' .. wait_bucket .. ':' .. label, 1)
end

local function write_tally(totals)
  for field, amount in pairs(sums) do redis.call('HINCRBY', totals, field, amount) end
end
