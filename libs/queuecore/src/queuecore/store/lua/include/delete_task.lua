-- Delete tasks, and subtract their envelopes from the bytes of the queue. Needs task.lua.
local freed = 0

local function delete_task(id)
  freed = freed + (envelope_size(id) or 0)
  redis.call('DEL', envelope_key(id), record_key(id))
end

-- Call it once, after the last task.
local function write_freed(bytes)
  if freed > 0 and redis.call('DECRBY', bytes, freed) <= 0 then redis.call('DEL', bytes) end
end
