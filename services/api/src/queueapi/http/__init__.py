"""The HTTP edge: connections, bodies, headers, responses, request metrics and tracing."""
