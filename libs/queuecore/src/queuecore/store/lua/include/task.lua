-- Keys of one task, and what its envelope tells without being unpacked.
local prefix = ARGV[1]

local function envelope_key(id) return prefix .. 't:' .. id end
local function record_key(id) return prefix .. 'r:' .. id end

-- The priority 0..9 from the envelope's second byte; nil when there is no envelope.
local function priority_of(id)
  return tonumber(redis.call('GETRANGE', envelope_key(id), 1, 1))
end

local function forget(id)
  redis.call('DEL', envelope_key(id), record_key(id))
end
