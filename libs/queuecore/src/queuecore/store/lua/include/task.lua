-- Keys of one task, and what its envelope tells without being unpacked.
local prefix = ARGV[1]

-- While a slot of a Cluster moves to another node, each of the two has some of its keys: one that is missing here may be
-- there. A command on two keys of which one is missing is refused then, and with it the whole script, before it has
-- done anything. These two never exist.
redis.call('EXISTS', prefix .. 'here', prefix .. 'there')

local function envelope_key(id) return prefix .. 't:' .. id end
local function record_key(id) return prefix .. 'r:' .. id end

-- The priority 0..9 from the envelope's second byte; nil when there is no envelope.
local function priority_of(id)
  return tonumber(redis.call('GETRANGE', envelope_key(id), 1, 1))
end

