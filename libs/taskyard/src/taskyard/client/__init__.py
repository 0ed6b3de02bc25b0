"""Clients of the API: one core without I/O, and a shell for coroutines and one for plain functions."""

from taskyard.client.async_client import AsyncClient
from taskyard.client.sync_client import Client

__all__ = ["AsyncClient", "Client"]
