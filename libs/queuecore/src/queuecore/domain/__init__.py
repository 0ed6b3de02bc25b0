"""The domain: tasks, their states and rules. Pure: no I/O, no clock."""
