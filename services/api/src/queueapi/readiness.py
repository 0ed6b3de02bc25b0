"""Whether the api can do its work."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from queueapi.store_deadline import store_deadline
from queuecore.errors import StoreError, StoreNotReady
from queuecore.observe.metrics import STORE_POLICY_UNKNOWN, STORE_READY
from queuecore.store.readiness import check_readiness
from queuecore.store.server import Server

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
        problem = await self._find_store_problem()
        self._store_ready.set(problem is None)
        return "shutting down" if self._draining else problem

    async def _find_store_problem(self) -> str | None:
        try:
            async with store_deadline():
                found = await check_readiness(self._server)
        except StoreNotReady as error:
            return str(error)
        except StoreError:
            return STORE_AWAY
        self._policy_unknown.set(not found.policy_known)
        return None
