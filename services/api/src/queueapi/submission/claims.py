"""Idempotency claims: a key belongs to the first request that carries it; other requests with the key are refused."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from secrets import token_hex

import msgspec

from queueapi.errors import ApiError
from queueapi.http.store_deadline import StoreDeadline
from queueapi.submission.idempotency_key import IdempotencyKey
from queueapi.submission.item import Item, accepted
from queuecore.errors import StoreError
from queuecore.store.tasks.idempotency import IdempotencyKeys

_OwnKey = tuple[Item, IdempotencyKey, str]
"""An item, its own key, and the fingerprint of its request."""


class Claim(msgspec.Struct, frozen=True):
    """The keys that one request has claimed."""

    request: str
    """Unique to the request."""
    fingerprints: dict[str, str]
    """Key digest -> fingerprint."""
    items: dict[str, list[Item]]
    """Key digest -> the items whose outcomes decide about the key."""


class IdempotencyClaims:
    """Claims idempotency keys for requests.

    Args:
        keys: the claims in the store.
    """

    def __init__(self, keys: IdempotencyKeys) -> None:
        self._keys = keys

    async def claim(self, items: Sequence[Item], batch_key: IdempotencyKey | None = None) -> Claim:
        """Claim the batch's key and the items' own keys, and set the items' digests.

        An item is refused when its key is malformed or belongs to another request, an earlier item included.

        Args:
            items: the tasks of one request.
            batch_key: the key of the batch as a whole.

        Returns:
            The claim, for :meth:`give_back`.

        Raises:
            ApiError: the batch's key belongs to another request.
            StoreError: the store failed.
        """
        own_keys = _set_digests(items, batch_key)
        claim = Claim(token_hex(8), {}, {})
        if batch_key is not None and accepted(items):
            await self._claim_batch_key(claim, batch_key, items)
        if own_keys:
            await self._claim_own_keys(claim, own_keys)
        return claim

    async def give_back(self, claim: Claim) -> None:
        """Give back the keys of which no task was accepted, because the store has refused all of them.

        A failure of the store does not change the response: the key stays claimed.
        """
        refused = {
            digest: claim.fingerprints[digest]
            for digest, items in claim.items.items()
            if all(item.refused_by_store for item in items)
        }
        if refused:
            with suppress(StoreError):
                async with StoreDeadline():
                    await self._keys.give_back(refused, claim.request)

    async def _claim_batch_key(self, claim: Claim, key: IdempotencyKey, items: Sequence[Item]) -> None:
        digest, fingerprint = key.digest(), key.fingerprint
        async with StoreDeadline():
            claimed_before = await self._keys.claim({digest: fingerprint}, claim.request)
        if claimed_before:
            raise key.mismatch()
        claim.fingerprints[digest] = fingerprint
        claim.items[digest] = accepted(items)

    async def _claim_own_keys(self, claim: Claim, own_keys: Sequence[_OwnKey]) -> None:
        claims: dict[str, str] = {}
        for item, _, fingerprint in own_keys:
            claims.setdefault(item.idempotency_digest, fingerprint)
        async with StoreDeadline():
            claimed_before = await self._keys.claim(claims, claim.request)
        for item, key, fingerprint in own_keys:
            digest = item.idempotency_digest
            if digest in claimed_before or claims[digest] != fingerprint:
                item.refusal = key.mismatch()
            else:
                claim.fingerprints[digest] = fingerprint
                claim.items.setdefault(digest, []).append(item)


def _set_digests(items: Sequence[Item], batch_key: IdempotencyKey | None) -> list[_OwnKey]:
    """Set the digests of the accepted items; returns those items that have a key of their own."""
    own_keys: list[_OwnKey] = []
    for item in items:
        if item.refusal is not None:
            continue
        key = item.key
        if key is not None:
            try:
                item.idempotency_digest = key.digest()
            except ApiError as error:
                item.refuse(error)
            else:
                own_keys.append((item, key, key.fingerprint))
        elif batch_key is not None:
            item.idempotency_digest = batch_key.digest_at(item.position)
    return own_keys
