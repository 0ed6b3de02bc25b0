"""How handlers are run: in the event loop, in threads, in other processes."""
