"""Routes: one module per group, with its handlers and their OpenAPI operations."""
