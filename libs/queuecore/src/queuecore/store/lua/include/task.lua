-- Keys of one task, and its priority without unpacking the envelope.

-- While a slot of a Cluster migrates, each of its two nodes has some of the slot's keys: a key that is missing here may
-- exist there. A command on two keys of which one is missing is then refused, and with it the whole script, before it
-- changes anything. These two keys never exist.
redis.call('EXISTS', prefix .. 'here', prefix .. 'there')

local function envelope_key(id) return prefix .. 't:' .. id end
local function record_key(id) return prefix .. 'r:' .. id end

-- The priority, 0 to 9, from the second byte of the envelope; nil when there is no envelope.
local function priority_of(id)
  return tonumber(redis.call('GETRANGE', envelope_key(id), 1, 1))
end
