"""The identity of equal tasks: the digests that name unique locks."""

from __future__ import annotations

from hashlib import sha256


def unique_digest(task_type: str, canonical_payload: bytes, unique_key: str | None = None) -> str:
    """The digest that names the unique lock of a task within its queue.

    Two tasks of one queue are equal when they have the same type and the same ``unique_key`` or, without one, the same
    payload.

    Args:
        task_type: the task's type.
        canonical_payload: the payload as JSON with sorted keys, which makes key order irrelevant.
        unique_key: the caller's key for equal tasks.
    """
    kind, name = (b"payload", canonical_payload) if unique_key is None else (b"key", unique_key.encode())
    return sha256(b"\0".join((task_type.encode(), kind, name))).hexdigest()
