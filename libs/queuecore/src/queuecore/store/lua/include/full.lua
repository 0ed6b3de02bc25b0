-- A server at its memory limit refuses commands that may need memory, but for scripts that have written already. What
-- keeps running tasks going must not be refused, so this writes first what is never refused. Needs task.lua.
redis.call('DEL', prefix .. 'none')
