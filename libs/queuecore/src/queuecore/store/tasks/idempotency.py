"""Idempotency keys: the first request with an ``Idempotency-Key`` claims it.

The enqueue script keeps the answer to the first request in the slot of its queue, in the same step as the task. This
module keeps only the fingerprint of that request, whatever its queue, and so detects another request with the same key.

Requests with the same fingerprint share a claim. A refused request gives its share back, and the claim ends when no
other request in flight shares it: one of them may be answered with a task. Answered requests keep their share.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from queuecore.store.client.server import Server
from queuecore.store.scripts.keys import IDEMPOTENCY, IDEMPOTENCY_SHARES
from queuecore.store.tasks.enqueue import IDEMPOTENCY_TTL_MS

IN_FLIGHT_MS = 60_000
"""Time within which a request gives its share back, if at all; longer than any request takes."""

_CLAIM = """
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  local claimed = redis.pcall('GET', KEYS[1])
  if claimed ~= ARGV[1] then return 0 end
end
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
"""
"""Claims a key, or takes a share in the claim of the same fingerprint; 0 when the key has another fingerprint."""

_GIVE_BACK = """
if redis.call('SREM', KEYS[2], ARGV[2]) == 0 or redis.call('SCARD', KEYS[2]) > 0 then return end
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""
"""Gives a share back, and ends the claim with the last one. A repeated call changes nothing."""


def key_digest(key: str) -> str:
    """The digest that names an idempotency key in the store, of fixed length."""
    return sha256(key.encode()).hexdigest()


class IdempotencyKeys:
    """Claims keys for requests.

    Args:
        server: the store.
        ttl_ms: lifetime of a claim.
    """

    def __init__(self, server: Server, ttl_ms: int = IDEMPOTENCY_TTL_MS) -> None:
        self._server = server
        self._ttl_ms = ttl_ms

    async def claim(self, fingerprints: Mapping[str, str], request: str = "") -> set[str]:
        """Claim each key for the request with its fingerprint, unless an earlier request has claimed it.

        Args:
            fingerprints: key digest -> fingerprint of the request.
            request: unique to the request, for :meth:`give_back`.

        Returns:
            The digests of the keys that another request has claimed.
        """
        replies = await self._server.commands(
            [
                ("EVAL", _CLAIM, 2, *_keys(digest), fingerprint, self._ttl_ms, request, IN_FLIGHT_MS)
                for digest, fingerprint in fingerprints.items()
            ]
        )
        return {digest for digest, is_claimed in zip(fingerprints, replies, strict=True) if not is_claimed}

    async def give_back(self, fingerprints: Mapping[str, str], request: str) -> None:
        """Give back keys that a request has claimed: it was refused, and no task of it is in the store.

        Arguments as for :meth:`claim`.
        """
        shares = fingerprints.items()
        await self._server.commands(
            [("EVAL", _GIVE_BACK, 2, *_keys(digest), fingerprint, request) for digest, fingerprint in shares]
        )


def _keys(digest: str) -> tuple[str, str]:
    return IDEMPOTENCY + digest, IDEMPOTENCY_SHARES.format(IDEMPOTENCY + digest)
