"""The Lua scripts in Python: headers, loader, generated calls, keys and reply codes."""
