-- Drop members of a state that are no tasks: ids without a readable envelope key, and what is no id. Needs task.lua.
local dropped = 0

-- The caller removes the id from its state.
local function drop(id)
  dropped = dropped + 1
  redis.call('DEL', envelope_key(id), record_key(id))
end

-- Count them as orphans. Call it once, at the end.
local function count_dropped(totals)
  if dropped > 0 then redis.call('HINCRBY', totals, 'orphans', dropped) end
end
