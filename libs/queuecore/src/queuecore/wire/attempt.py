"""The bytes of one attempt in a task's run record.

The lease script opens an attempt with ``[worker, pod, started_at_ms]``. Its settlement overwrites it with
``[worker, pod, started_at_ms, ended_at_ms, outcome, error]``.
"""

from __future__ import annotations

import msgspec

from queuecore.domain.task import Attempt, Outcome

ERROR_LENGTH = 2_000
"""The number of characters of an error that are kept."""


class _Attempt(msgspec.Struct, array_like=True, frozen=True):
    worker: str
    pod: str
    started_at_ms: int
    ended_at_ms: int | None = None
    outcome: Outcome | None = None
    error: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Attempt)


def encode_closed(worker: str, pod: str, started_at_ms: int, ended_at_ms: int, outcome: Outcome, error: str) -> bytes:
    """The bytes of an attempt that has ended."""
    return _encoder.encode((worker, pod, started_at_ms, ended_at_ms, outcome, error[:ERROR_LENGTH]))


def decode(number: int, data: bytes) -> Attempt:
    """Decode one attempt, open or closed.

    Raises:
        msgspec.MsgspecError: the bytes are damaged.
    """
    body = _decoder.decode(data)
    return Attempt(
        number=number,
        worker=body.worker,
        pod=body.pod,
        started_at_ms=body.started_at_ms,
        ended_at_ms=body.ended_at_ms,
        outcome=body.outcome,
        error=body.error,
    )
