"""``Idempotency-Key``: which request was the first with a key.

The answer to the first request is kept by the enqueue script, in the queue's own slot, so that it is exact. What is
kept here is only the fingerprint of that request, whatever its queue, so that the same key with another request is
recognised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from queuecore.store.client.server import Server
from queuecore.store.scripts.keys import IDEMPOTENCY
from queuecore.store.scripts.loader import Argument
from queuecore.store.tasks.enqueue import IDEMPOTENCY_TTL_MS


def key_digest(key: str) -> str:
    """What stands for an idempotency key in the store, whatever its length."""
    return sha256(key.encode()).hexdigest()


class IdempotencyKeys:
    """Claims keys for requests."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def claim(self, fingerprints: Mapping[str, str]) -> set[str]:
        """Claim each key for the request with its fingerprint, unless an earlier request has it.

        Args:
            fingerprints: key digest -> fingerprint of the request.

        Returns:
            The digests of the keys that another request holds.
        """
        digests = list(fingerprints)
        commands: list[Sequence[Argument]] = []
        for digest in digests:
            key = IDEMPOTENCY + digest
            commands.append(("SET", key, fingerprints[digest], "NX", "PX", IDEMPOTENCY_TTL_MS))
            commands.append(("GET", key))
        answers = await self._server.commands(commands)
        held = (None if value is None else value.decode() for value in answers[1::2])
        return {digest for digest, value in zip(digests, held, strict=True) if value != fingerprints[digest]}
