"""Handlers: registration, loading, and everything that a handler module uses."""
