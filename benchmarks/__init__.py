"""Benchmarks of Taskyard."""
