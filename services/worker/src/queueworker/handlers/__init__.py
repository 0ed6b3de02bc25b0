"""Handlers of the apps that a worker runs: loading, lookup by task type, context, lifespans."""
