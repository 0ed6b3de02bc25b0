"""The built-in task type ``demo``: its schema as a worker registers it, and a task that fits."""

from __future__ import annotations

DEMO_SCHEMA = (
    b'{"type":"object","required":["message","count"],"additionalProperties":false,'
    b'"properties":{"message":{"type":"string"},"count":{"type":"integer"}}}'
)
DEMO_TASK = {"type": "demo", "payload": {"message": "hi", "count": 1}}
