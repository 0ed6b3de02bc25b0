"""OpenTelemetry tracing: setup, context propagation, consumer spans and export."""
