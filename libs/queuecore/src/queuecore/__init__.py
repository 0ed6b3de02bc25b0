"""What every Taskyard service is built on: the domain, the wire form, the store and telemetry."""
