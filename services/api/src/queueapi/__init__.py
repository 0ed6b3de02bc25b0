"""Taskyard's HTTP API: enqueue, inspect and control tasks."""
