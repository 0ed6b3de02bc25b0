"""The command ``taskyard``: enqueue and operate tasks from a shell. Requires the extra ``cli``."""
