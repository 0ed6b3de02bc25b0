"""Telemetry: logs, metrics, probes and traces."""
