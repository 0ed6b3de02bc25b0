-- Free a unique lock if this task still holds it: its window may have ended and another task may hold it now.
-- Needs task.lua.
local function unlock(digest, id)
  if digest == '' then return end
  local key = prefix .. 'u:' .. digest
  if read_text(key) == id then redis.call('DEL', key) end
end
