"""The domain: tasks, their states and their rules. Pure: no input, no output, no clock."""
