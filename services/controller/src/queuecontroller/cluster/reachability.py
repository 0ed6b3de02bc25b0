"""Reachability of the Kubernetes API, polled in the background for the readiness probe."""

from __future__ import annotations

import asyncio

from queuecontroller.cluster.client import Cluster
from queuecontroller.errors import ClusterError

INTERVAL_S = 5.0


class Reachability:
    """Polls the version of the Kubernetes API.

    Args:
        cluster: the Kubernetes API.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.problem: str | None = "the Kubernetes API has not been contacted yet"
        """Problem for the readiness probe; ``None`` while the Kubernetes API is reachable."""

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            try:
                await self._cluster.serves("/version")
            except ClusterError as error:
                self.problem = f"the Kubernetes API is unreachable: {error}"
            else:
                self.problem = None
            await asyncio.sleep(INTERVAL_S if self.problem is None else 1.0)
