"""``Idempotency-Key``: its format, its digests in the store, and the fingerprint of the request that carries it."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256

import msgspec

from queueapi.errors import ApiError, invalid
from queueapi.schemas.requests import MAX_KEY_LENGTH
from queuecore.store.tasks.idempotency import key_digest

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
FIELD = "idempotency_key"
"""Field of a task in a batch; it means for this task what the header means for a single one."""

_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def check_key(value: str, source: str) -> None:
    """Validate a key's format.

    Args:
        value: the key.
        source: header or field that carries it.

    Raises:
        ApiError: the key is empty, too long, or has characters other than printable ASCII.
    """
    if not (0 < len(value) <= MAX_KEY_LENGTH and value.isascii() and value.isprintable()):
        raise invalid("INVALID_REQUEST", source, value, f"1 to {MAX_KEY_LENGTH} printable ASCII characters")


def fingerprint(body: bytes | msgspec.Raw) -> str:
    """Digest of a request's canonical JSON, without the key itself; spacing and the order of fields do not count."""
    try:
        content = msgspec.json.decode(body)
    except msgspec.MsgspecError:  # a number is out of range, in a task of a batch that will be refused
        return sha256(body).hexdigest()
    content.pop(FIELD, None)
    return sha256(_encode_sorted(content)).hexdigest()


class BatchFingerprint:
    """The :func:`fingerprint` of a batch, computed task by task."""

    def __init__(self) -> None:
        self._hash = sha256(b'{"tasks":[')
        self._separator = b""

    def add(self, task: bytes | msgspec.Raw, *, canonical: bool = True) -> None:
        """Add the next task.

        Args:
            task: its JSON.
            canonical: false for a task that is too large to be parsed: its bytes count as they are.
        """
        if canonical:
            with suppress(msgspec.MsgspecError):  # a number is out of range: the task will be refused
                task = _encode_sorted(msgspec.json.decode(task))
        self._hash.update(self._separator)
        self._hash.update(task)
        self._separator = b","

    def hexdigest(self) -> str:
        """The fingerprint of all tasks added so far."""
        whole = self._hash.copy()
        whole.update(b"]}")
        return whole.hexdigest()


class IdempotencyKey(msgspec.Struct, frozen=True):
    """An idempotency key of a request."""

    value: str
    source: str
    """Header or field that carries the key; error messages name it."""
    fingerprint: str
    """Fingerprint of the request: two requests with one key must be the same."""

    def digest(self) -> str:
        """Digest that names the key in the store; raises as :func:`check_key`."""
        check_key(self.value, self.source)
        return key_digest(self.value)

    def digest_at(self, position: int) -> str:
        """Digest for one task of a batch that carries this key. It is unique: no valid key has a line break."""
        return key_digest(f"{self.value}\n{position}")

    def mismatch(self) -> ApiError:
        """A 422: an earlier request with this key had another body."""
        return ApiError(
            422,
            "IDEMPOTENCY_MISMATCH",
            f"{self.source}: an earlier request with this key had another body",
            {"field": self.source, "expected": "a new key for a new request"},
        )
