"""The task envelope: the immutable bytes of one task in the store.

Layout: one byte of version, one byte of priority as an ASCII digit, then MessagePack. Scripts read the two leading
bytes without unpacking the rest, whose size depends on the caller. The id and the queue are part of the key and not
repeated.
"""

from __future__ import annotations

import msgspec

from queuecore.domain.retry import RetryPolicy
from queuecore.domain.task import Task, UniqueLock
from queuecore.errors import EnvelopeError, UnknownEnvelopeVersion

VERSION = 1
"""The newest version that this release reads, and the one that it writes."""


class _EnvelopeV1(msgspec.Struct, array_like=True, frozen=True):
    """Version 1. Fields may be added at the end, with a default; none may be moved or removed."""

    type: str
    payload: bytes
    enqueued_at_ms: int
    process_at_ms: int | None
    max_retries: int
    timeout_ms: int
    deadline_at_ms: int | None
    retry_policy: tuple[str, int, float, int, float] | None
    unique: tuple[str, int] | None
    metadata: dict[str, str] | None
    retention_ms: int
    traceparent: str | None
    tracestate: str | None = None


class _LongEnvelopeV1(_EnvelopeV1, array_like=True, frozen=True):
    """Version 1 with the fields that few tasks have."""

    archive_retention: int | None = None
    """Of the task; a default of n ms is -1 - n. ``None``: the default of version 1."""


_encoder = msgspec.msgpack.Encoder()
_decoder_v1 = msgspec.msgpack.Decoder(_LongEnvelopeV1)
_V1_POLICY = RetryPolicy(curve="exponential", base_ms=1_000, factor=2.0, max_ms=900_000, jitter=0.2)
"""The meaning of a missing policy in version 1, independent of the default of later releases."""
_V1_ARCHIVE_RETENTION = -1 - 7 * 24 * 60 * 60_000
"""The same for the retention of archived tasks."""


def encode(task: Task) -> bytes:
    """The stored bytes of ``task``."""
    fields = (
        task.type,
        task.payload,
        task.enqueued_at_ms,
        task.process_at_ms,
        task.max_retries,
        task.timeout_ms,
        task.deadline_at_ms,
        _pack_policy(task.retry_policy),
        (task.unique.digest, task.unique.window_ms) if task.unique else None,
        dict(task.metadata) or None,
        task.retention_ms,
        task.traceparent,
        task.tracestate,
    )
    archive_retention = task.archive_retention_argument
    is_short = archive_retention == _V1_ARCHIVE_RETENTION
    body = _EnvelopeV1(*fields) if is_short else _LongEnvelopeV1(*fields, archive_retention)
    return b"%c%d%b" % (VERSION, task.priority, _encoder.encode(body))


def decode(task_id: str, queue: str, data: bytes) -> Task:
    """Decode the bytes of :func:`encode`.

    Raises:
        UnknownEnvelopeVersion: a newer release wrote it.
        EnvelopeError: the bytes are damaged.
    """
    if data and data[0] > VERSION:
        raise UnknownEnvelopeVersion(f"task {task_id}: envelope version {data[0]} is newer than {VERSION}")
    if data[:1] != bytes([VERSION]) or not data[1:2].isdigit():
        raise EnvelopeError(f"task {task_id}: the envelope is damaged: it begins with {data[:2]!r}")
    try:
        body = _decoder_v1.decode(memoryview(data)[2:])
        own_retention_ms, default_retention_ms = _unpack_archive_retention(body.archive_retention)
        return Task(
            id=task_id,
            queue=queue,
            type=body.type,
            payload=body.payload,
            enqueued_at_ms=body.enqueued_at_ms,
            process_at_ms=body.process_at_ms,
            priority=data[1] - ord("0"),
            max_retries=body.max_retries,
            timeout_ms=body.timeout_ms,
            deadline_at_ms=body.deadline_at_ms,
            retry_policy=_unpack_policy(body.retry_policy),
            unique=UniqueLock(*body.unique) if body.unique else None,
            metadata=body.metadata or {},
            retention_ms=body.retention_ms,
            traceparent=body.traceparent,
            tracestate=body.tracestate,
            archive_retention_ms=own_retention_ms,
            default_archive_retention_ms=default_retention_ms,
        )
    except msgspec.MsgspecError as error:
        raise EnvelopeError(f"task {task_id}: the envelope is damaged: {error}") from error


def _unpack_archive_retention(packed: int | None) -> tuple[int | None, int]:
    """The task's own retention and the default one."""
    if packed is None:
        packed = _V1_ARCHIVE_RETENTION
    return (None, -1 - packed) if packed < 0 else (packed, -1 - _V1_ARCHIVE_RETENTION)


def _pack_policy(policy: RetryPolicy) -> tuple[str, int, float, int, float] | None:
    if policy == _V1_POLICY:
        return None
    return (policy.curve, policy.base_ms, policy.factor, policy.max_ms, policy.jitter)


def _unpack_policy(packed: tuple[str, int, float, int, float] | None) -> RetryPolicy:
    if packed is None:
        return _V1_POLICY
    return msgspec.convert(dict(zip(RetryPolicy.__struct_fields__, packed, strict=True)), RetryPolicy)
