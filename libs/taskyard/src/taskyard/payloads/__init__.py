"""Payloads and results: their types, their JSON and their JSON Schema."""
