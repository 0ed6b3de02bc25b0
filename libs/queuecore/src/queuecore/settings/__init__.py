"""Settings: environment variables into typed structs."""
