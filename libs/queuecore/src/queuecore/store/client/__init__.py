"""Connections to the server: single, behind Sentinels or a Cluster; script calls, errors and the circuit breaker."""
