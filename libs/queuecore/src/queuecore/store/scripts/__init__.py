"""The Lua scripts as Python sees them: loader, keys and reply codes."""
