"""Taskyard on one machine: an embedded Valkey and one process of each service."""
