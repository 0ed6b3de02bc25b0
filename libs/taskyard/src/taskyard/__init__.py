"""Taskyard's face for authors of tasks: the app, typed tasks, the client and tools for tests."""
