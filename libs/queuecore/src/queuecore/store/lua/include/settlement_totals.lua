-- Totals of the attempts that one call settles, summed in memory and written with one command per field.
local groups = {}

-- label: the task type in metrics. Buckets: histogram buckets of the run time and of the wait before it.
local function add_settlement(outcome, label, run_ms, run_bucket, wait_ms, wait_bucket)
  local key = outcome .. run_bucket .. ':' .. wait_bucket .. label
  local group = groups[key]
  if not group then
    group = { outcome, label, run_bucket, wait_bucket, number = 0, run_ms = 0, wait_ms = 0 }
    groups[key] = group
  end
  group.number, group.run_ms, group.wait_ms = group.number + 1, group.run_ms + run_ms, group.wait_ms + wait_ms
end

local function write_settlements(totals)
  for _, group in pairs(groups) do
    local outcome, label, run_bucket, wait_bucket = unpack(group)
    redis.call('HINCRBY', totals, 'processed:' .. outcome .. ':' .. label, group.number)
    redis.call('HINCRBY', totals, 'run_ms:' .. label, group.run_ms)
    redis.call('HINCRBY', totals, 'run:' .. run_bucket .. ':' .. label, group.number)
    redis.call('HINCRBY', totals, 'wait_ms:' .. label, group.wait_ms)
    redis.call('HINCRBY', totals, 'wait:' .. wait_bucket .. ':' .. label, group.number)
  end
end
