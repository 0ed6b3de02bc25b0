"""Metrics reading over HTTP: queue metrics and registered workers."""
