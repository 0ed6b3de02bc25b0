-- A server at its memory limit refuses commands that may need memory, except in scripts that have written already.
-- Running tasks must go on, so this writes first with a command that is never refused. Needs task.lua.
redis.call('DEL', prefix .. 'none')
