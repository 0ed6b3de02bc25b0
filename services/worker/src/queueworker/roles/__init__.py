"""Background roles of the worker, one per module."""
