"""What the system tells about itself: logs, metrics and probes."""
