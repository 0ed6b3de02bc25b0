"""Ids of new tasks."""

from __future__ import annotations

import uuid_utils


def new_task_id() -> str:
    """A UUIDv7 (RFC 9562): unique, and ordered by the time of its creation."""
    return str(uuid_utils.uuid7())
