"""The task store on Redis or Valkey: the only package that talks to the server.

One module per group of operations, one Lua script per transition (``lua/``), every key from
:mod:`queuecore.store.scripts.keys`.
"""
