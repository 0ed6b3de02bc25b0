-- Mark a queue that may hold large envelopes: lease.lua reads them one by one.
local LARGE = 16384
local MARKED_FOR_MS = 86400000

local function mark_large(large) redis.call('SET', large, '1', 'PX', MARKED_FOR_MS) end
