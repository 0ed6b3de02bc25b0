"""Handlers: registry, context, errors, results and the loader."""
