"""Planning: how many pods a pool is to have, and which ones go. Pure: no I/O, no clock of its own, no randomness."""
