"""Executors: run handlers in the event loop, in threads or in other processes."""
