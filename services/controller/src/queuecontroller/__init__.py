"""Taskyard's operator: scales worker Deployments by what their queues need and spares busy workers."""
