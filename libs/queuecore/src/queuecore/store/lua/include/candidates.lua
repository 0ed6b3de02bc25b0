-- Choose the tasks that a call leases from the front of `pending`, without changing anything. Needs task.lua, large.lua.
-- The size of an envelope is known once it is read, so many are read together while none is large. An older release
-- enqueues large ones without marking the queue: the first call that finds one may have read READ_TOGETHER of them.
local EXAMINED, WINDOW, READ_TOGETHER = 1000, 200, 20
-- A member that begins with this byte is no task, but something that a newer release has put there.
local NOT_A_TASK = 1

local chosen, scores, envelopes, orphans = {}, {}, {}, {}
local examined, newer, used = 0, 0, 0
local among_large, among_newer, found_large = false, false, false

local bounds

local function is_newer(bytes) return (string.byte(bytes, 1) or 0) > bounds.newest end

-- Examine the next member; false when its envelope exceeds the bytes of the call.
local function examine(id, score, envelope)
  local size = envelope and #envelope or 0
  if size > LARGE then among_large, found_large = true, true end
  if envelope and not is_newer(envelope) then
    local number = #chosen
    if number > 0 and used + size > bounds.max_bytes then return false end
    used = used + size
    chosen[number + 1], scores[number + 1], envelopes[number + 1] = id, score, envelope
  elseif envelope or string.byte(id, 1) == NOT_A_TASK then
    newer, among_newer = newer + 1, true
  else
    orphans[#orphans + 1] = id
  end
  examined = examined + 1
  return true
end

-- True for a member of a newer release, found without reading its envelope.
local function is_of_newer_release(id)
  return string.byte(id, 1) == NOT_A_TASK or is_newer(first_byte(id))
end

-- Examine a window of alternating members and scores; false when the next envelope exceeds the bytes of the call.
local function examine_window(window)
  local at = 1
  while at < #window and #chosen < bounds.limit do
    if among_newer and is_of_newer_release(window[at]) then
      examined, newer, at = examined + 1, newer + 1, at + 2
    else
      local number = (among_large or among_newer) and 1 or math.min(READ_TOGETHER, bounds.limit - #chosen)
      local keys = {}
      for member = at, math.min(at + 2 * number, #window) - 1, 2 do keys[#keys + 1] = envelope_key(window[member]) end
      for _, envelope in ipairs(redis.call('MGET', unpack(keys))) do
        if not examine(window[at], window[at + 1], envelope) then return false end
        at = at + 2
      end
    end
  end
  return true
end

-- Choose the tasks behind the first `skip` members.
-- within: `limit`, the number of tasks; `max_bytes` of their envelopes, but at least one task; `newest`, a version.
local function choose(pending, skip, large, within)
  bounds = within
  among_large, among_newer = redis.call('EXISTS', large) == 1, skip > 0
  local within_bytes = true
  while within_bytes and #chosen < bounds.limit and examined < EXAMINED do
    local first, width = skip + examined, math.min(among_newer and WINDOW or bounds.limit, EXAMINED - examined)
    local window = redis.call('ZRANGE', pending, first, first + width - 1, 'WITHSCORES')
    if #window == 0 then break end
    within_bytes = examine_window(window)
  end
end
