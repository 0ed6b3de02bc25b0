"""Names that the system gives: task ids and the digests that stand for equal tasks."""

from __future__ import annotations

from hashlib import sha256

import uuid_utils


def new_task_id() -> str:
    """A UUIDv7 (RFC 9562): unique, and ordered by the time at which it was made."""
    return str(uuid_utils.uuid7())


def unique_digest(task_type: str, canonical_payload: bytes, unique_key: str | None = None) -> str:
    """Name the unique lock of a task within its queue.

    Two tasks of one queue are equal when they have the same type and the same ``unique_key``, or, where the caller
    gives none, the same payload.

    Args:
        task_type: the task's type.
        canonical_payload: the payload as JSON with sorted keys, so that key order does not matter.
        unique_key: the caller's own name for "the same task".
    """
    kind, name = (b"payload", canonical_payload) if unique_key is None else (b"key", unique_key.encode())
    return sha256(b"\0".join((task_type.encode(), kind, name))).hexdigest()
