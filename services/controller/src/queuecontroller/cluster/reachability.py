"""Whether the Kubernetes API can be reached, asked in the background for the readiness probe."""

from __future__ import annotations

import asyncio

from queuecontroller.cluster.client import Cluster
from queuecontroller.errors import ClusterError

INTERVAL_S = 5.0


class Reachability:
    """Asks the Kubernetes API for its version now and then.

    Args:
        cluster: the API.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.problem: str | None = "the Kubernetes API has not been asked yet"
        """Why it cannot be reached; ``None`` when it can."""

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                await self._cluster.knows("/version")
            except ClusterError as error:
                self.problem = f"the Kubernetes API is away: {error}"
            else:
                self.problem = None
            await asyncio.sleep(INTERVAL_S if self.problem is None else 1.0)
