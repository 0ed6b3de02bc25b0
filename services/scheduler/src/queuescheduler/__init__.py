"""Taskyard's scheduler: due tasks, lapsed leases and finished tasks."""
