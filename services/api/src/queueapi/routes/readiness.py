"""Readiness: the state of the store, and draining."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry

from queueapi.http.store_deadline import StoreDeadline
from queuecore.errors import StoreError, StoreNotReady, StoreRefusesLogin
from queuecore.observe.metrics.definitions import STORE_POLICY_UNKNOWN, STORE_READY
from queuecore.store.client.server import Server
from queuecore.store.queues.readiness import Readiness, check_readiness

STORE_UNREACHABLE = "redis connection failed"
DRAINING = "shutting down"


async def provided() -> None:
    """Find no problem: the durability needs nothing of the store."""


class ReadinessCheck:
    """Checks whether the API is ready for requests.

    Args:
        server: the store.
        registry: exposes the result.
        find_durability_problem: finds the reason why the store cannot provide the default durability.
    """

    def __init__(
        self,
        server: Server,
        registry: CollectorRegistry,
        find_durability_problem: Callable[[], Awaitable[str | None]] = provided,
    ) -> None:
        self._server = server
        self.find_durability_problem = find_durability_problem
        self._draining = False
        self._store_ready = STORE_READY.build(registry)
        self._policy_unknown = STORE_POLICY_UNKNOWN.build(registry)

    def start_draining(self) -> None:
        """Report not ready from now on: the process is about to exit."""
        self._draining = True

    async def find_problem(self) -> str | None:
        """The reason why the API is not ready; ``None`` when it is ready."""
        try:
            async with StoreDeadline():
                found: Readiness | StoreError = await check_readiness(self._server)
                unprovided = await self.find_durability_problem()
        except StoreError as error:
            found, unprovided = error, None
        problem = self.record(found)
        return self.find_local_problem() or problem or unprovided

    def find_local_problem(self) -> str | None:
        """The reason why this replica takes no requests; ``None`` when it does.

        The store is not considered, because all replicas share it.
        """
        return DRAINING if self._draining else None

    def record(self, found: Readiness | StoreError) -> str | None:
        """Expose the result of a check; returns the store's problem, ``None`` when it is ready."""
        self._store_ready.set(isinstance(found, Readiness))
        if isinstance(found, Readiness):
            self._policy_unknown.set(not found.policy_known)
            return None
        return str(found) if isinstance(found, (StoreNotReady, StoreRefusesLogin)) else STORE_UNREACHABLE
