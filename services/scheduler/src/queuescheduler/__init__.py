"""Taskyard's scheduler: promotes due tasks, reclaims expired leases, expires ended tasks."""
