"""Status of a WorkerPool: conditions, last decision, stored history, Events."""
