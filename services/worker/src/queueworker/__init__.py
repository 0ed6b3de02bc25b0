"""The Taskyard worker: runs the tasks of apps; see :class:`taskyard.Taskyard`."""
