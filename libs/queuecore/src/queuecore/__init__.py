"""The core of every Taskyard service: domain, wire format, store, settings and telemetry."""
