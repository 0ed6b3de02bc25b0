"""Taskyard's operator: scales worker Deployments to the load of their queues and protects busy pods at scale-in."""
