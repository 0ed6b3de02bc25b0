-- Count dropped orphans: ids without an envelope.
local function count_orphans(totals, number)
  if number > 0 then redis.call('HINCRBY', totals, 'orphans', number) end
end
