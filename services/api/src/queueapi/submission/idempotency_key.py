"""``Idempotency-Key``: its format, its digests in the store, and the fingerprint of the request that carries it."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from queueapi.errors import ApiError, invalid
from queueapi.schemas.requests import MAX_KEY_LENGTH
from queuecore.store.tasks.idempotency import key_digest

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
FIELD = "idempotency_key"
"""Field of a task in a batch; it means for this task what the header means for a single one."""


class IdempotencyKey(msgspec.Struct, frozen=True):
    """An idempotency key, and the request that carries it."""

    value: str
    source: str
    """Header or field that carries the key; error messages name it."""
    body: bytes | msgspec.Raw
    """The request: a JSON object."""

    def check(self) -> None:
        """Validate the key's format.

        Raises:
            ApiError: the key is empty, too long, or has characters other than printable ASCII.
        """
        value = self.value
        if not (0 < len(value) <= MAX_KEY_LENGTH and value.isascii() and value.isprintable()):
            raise invalid("INVALID_REQUEST", self.source, value, f"1 to {MAX_KEY_LENGTH} printable ASCII characters")

    def digest(self) -> str:
        """Digest that names the key in the store; raises as :meth:`check`."""
        self.check()
        return key_digest(self.value)

    def digest_at(self, position: int) -> str:
        """Digest for one task of a batch that carries this key. It is unique: no valid key has a line break."""
        return key_digest(f"{self.value}\n{position}")

    def fingerprint(self) -> str:
        """Digest of the request's canonical JSON, without the key itself; spacing and field order do not count."""
        content = msgspec.json.decode(self.body)
        content.pop(FIELD, None)
        return sha256(msgspec.json.encode(content, order="sorted")).hexdigest()

    def mismatch(self) -> ApiError:
        """A 422: an earlier request with this key had another body."""
        return ApiError(
            422,
            "IDEMPOTENCY_MISMATCH",
            f"{self.source}: an earlier request with this key had another body",
            {"field": self.source, "expected": "a new key for a new request"},
        )
