"""``Idempotency-Key``: a request that is sent again gets the first answer, and its task is not enqueued twice."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from queueapi.errors import ApiError, invalid
from queueapi.requests import MAX_KEY_LENGTH
from queuecore.store.idempotency import key_digest

REPLAYED_HEADER = "Idempotency-Replayed"


def check_key(key: str, field: str) -> str:
    """The key itself.

    Args:
        key: what the caller sent.
        field: where, in the words of the error.

    Raises:
        ApiError: it is empty, too long, or has characters that are not printable ASCII.
    """
    if 0 < len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable():
        return key
    raise invalid("INVALID_REQUEST", field, key, f"1 to {MAX_KEY_LENGTH} printable ASCII characters")


def item_digest(key: str, index: int) -> str:
    """The digest of the answer to one task of a batch with this key. No caller's key has a line break."""
    return key_digest(f"{key}\n{index}")


def fingerprint(body: bytes | msgspec.Raw, without: str | None = None) -> str:
    """What tells requests apart: the digest of the body's canonical JSON.

    Args:
        body: a JSON object.
        without: a field that does not count.
    """
    content = msgspec.json.decode(body)
    if without is not None:
        content.pop(without, None)
    return sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def mismatch(field: str) -> ApiError:
    """A 422 for a key that an earlier request with another body has."""
    return ApiError(
        422,
        "IDEMPOTENCY_MISMATCH",
        f"{field}: an earlier request with this key had another body",
        {"field": field, "expected": "a new key for a new request"},
    )
