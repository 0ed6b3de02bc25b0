"""Planning: the desired number of pods, and the pods to remove at scale-in. Pure: no I/O, clock or randomness."""
