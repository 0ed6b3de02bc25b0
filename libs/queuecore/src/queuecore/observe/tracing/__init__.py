"""OpenTelemetry tracing: the port that opens spans, its SDK, context propagation and export."""
