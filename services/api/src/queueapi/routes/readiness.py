"""Whether the api can do its work."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from queueapi.http.store_deadline import StoreDeadline
from queuecore.errors import StoreError, StoreNotReady, StoreRefusesLogin
from queuecore.observe.metrics.definitions import STORE_POLICY_UNKNOWN, STORE_READY
from queuecore.store.client.server import Server
from queuecore.store.queues.readiness import Readiness, check_readiness

STORE_AWAY = "redis connection failed"


class ReadinessCheck:
    """Checks the store, and knows when the process is on its way out.

    Args:
        server: the store.
        registry: where it is exposed what was found.
    """

    def __init__(self, server: Server, registry: CollectorRegistry) -> None:
        self._server = server
        self._draining = False
        self._store_ready = STORE_READY.build(registry)
        self._policy_unknown = STORE_POLICY_UNKNOWN.build(registry)

    def start_draining(self) -> None:
        """Be not ready from now on."""
        self._draining = True

    async def find_problem(self) -> str | None:
        """Why the api is not ready; ``None`` when it is."""
        try:
            async with StoreDeadline():
                found: Readiness | StoreError = await check_readiness(self._server)
        except StoreError as error:
            found = error
        problem = self.note(found)
        return "shutting down" if self._draining else problem

    def note(self, found: Readiness | StoreError) -> str | None:
        """Expose what a look at the store has found; what is wrong with it, ``None`` when nothing is."""
        self._store_ready.set(isinstance(found, Readiness))
        if isinstance(found, Readiness):
            self._policy_unknown.set(not found.policy_known)
            return None
        return str(found) if isinstance(found, (StoreNotReady, StoreRefusesLogin)) else STORE_AWAY
