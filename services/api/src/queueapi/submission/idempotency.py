"""``Idempotency-Key``: a request that is sent again gets the first answer, and its task is not enqueued twice.

First the key is claimed for the request's fingerprint, which tells whether it was used for another request. Then the
task is enqueued under the key's digest, under which the store keeps the first answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from queueapi.errors import ApiError, invalid
from queueapi.http.store_deadline import StoreDeadline
from queueapi.schemas.requests import MAX_KEY_LENGTH
from queuecore.store.tasks.idempotency import IdempotencyKeys, key_digest

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"


class Claims:
    """Claims keys for requests."""

    def __init__(self, keys: IdempotencyKeys) -> None:
        self._keys = keys

    async def claim_request(self, key: str, body: bytes) -> str:
        """Claim the key of a whole request.

        Returns:
            The key's digest.

        Raises:
            ApiError: the key is malformed, or an earlier request with another body has it.
            StoreError: the store failed.
        """
        digest = key_digest(check_key(key, HEADER))
        if await self.claim({digest: fingerprint(body)}):
            raise mismatch(HEADER)
        return digest

    async def claim(self, fingerprints: Mapping[str, str]) -> set[str]:
        """Claim keys, by digest; the digests of those that other requests have.

        Raises:
            StoreError: the store failed.
        """
        if not fingerprints:
            return set()
        async with StoreDeadline():
            return await self._keys.claim(fingerprints)


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


def item_digest(key: str, place: int) -> str:
    """The digest of the answer to one task of a batch with this key. No caller's key has a line break."""
    return key_digest(f"{key}\n{place}")


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
