"""Idempotency keys: the first request with an ``Idempotency-Key`` claims it.

The enqueue script keeps the answer to the first request in the slot of its queue, in the same step as the task. This
module keeps only the fingerprint of that request, whatever its queue, and so detects another request with the same key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from queuecore.store.client.server import Server
from queuecore.store.scripts.call import Argument
from queuecore.store.scripts.keys import IDEMPOTENCY
from queuecore.store.tasks.enqueue import IDEMPOTENCY_TTL_MS


def key_digest(key: str) -> str:
    """The digest that names an idempotency key in the store, of fixed length."""
    return sha256(key.encode()).hexdigest()


class IdempotencyKeys:
    """Claims keys for requests."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def claim(self, fingerprints: Mapping[str, str]) -> set[str]:
        """Claim each key for the request with its fingerprint, unless an earlier request has claimed it.

        Args:
            fingerprints: key digest -> fingerprint of the request.

        Returns:
            The digests of the keys that another request has claimed.
        """
        digests = list(fingerprints)
        commands: list[Sequence[Argument]] = []
        for digest in digests:
            key = IDEMPOTENCY + digest
            commands.append(("SET", key, fingerprints[digest], "NX", "PX", IDEMPOTENCY_TTL_MS))
            commands.append(("GET", key))
        replies = await self._server.commands(commands)
        claimed = (None if value is None else value.decode(errors="replace") for value in replies[1::2])
        return {digest for digest, value in zip(digests, claimed, strict=True) if value != fingerprints[digest]}
