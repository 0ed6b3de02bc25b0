-- Keys of one task, its priority without unpacking the envelope, and reads that damaged keys do not fail.

-- While a slot of a Cluster migrates, each of its two nodes has some of the slot's keys: a key that is missing here may
-- exist there. A command on two keys of which one is missing is then refused, and with it the whole script, before it
-- changes anything. These two keys never exist.
redis.call('EXISTS', prefix .. 'here', prefix .. 'there')

local function envelope_key(id) return prefix .. 't:' .. id end
local function record_key(id) return prefix .. 'r:' .. id end

-- True for an id of a task. Other members of a state are damage, and callers could not read them.
local function is_id(id) return not string.find(id, '[^\33-\126]') end

-- True for the reply of a read whose key has another type. Such a key is damaged; it must not fail the other tasks.
local function is_damaged(reply)
  if type(reply) ~= 'table' or not reply.err then return false end
  if string.find(reply.err, 'WRONGTYPE', 1, true) then return true end
  error(reply.err)
end

-- The value of a string key; false when there is none.
local function read_text(key)
  local text = redis.pcall('GET', key)
  return not is_damaged(text) and text
end

-- The size of a task's envelope; 0 when it has none, nil when its key is damaged.
local function envelope_size(id)
  local size = redis.pcall('STRLEN', envelope_key(id))
  if is_damaged(size) then return nil end
  return size
end

-- The first byte of a task's envelope; empty when it has none or its key is damaged.
local function first_byte(id)
  local byte = redis.pcall('GETRANGE', envelope_key(id), 0, 0)
  return is_damaged(byte) and '' or byte
end

-- Fields of a task's record, false or nil where it has none. A damaged record is deleted.
local function read_record(id, ...)
  local fields = redis.pcall('HMGET', record_key(id), ...)
  if not is_damaged(fields) then return fields end
  redis.call('DEL', record_key(id))
  return {}
end

-- The priority, 0 to 9, from the second byte of the envelope; nil when there is no envelope. A damaged envelope has the
-- default priority: its task is archived as unreadable once a worker leases it.
local function priority_of(id)
  local head = redis.pcall('GETRANGE', envelope_key(id), 1, 1)
  local priority = not is_damaged(head) and string.match(head, '^%d$')
  if priority then return tonumber(priority) end
  return redis.call('EXISTS', envelope_key(id)) == 1 and 5 or nil
end
