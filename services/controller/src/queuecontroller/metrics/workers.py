"""How many tasks each pod runs, from the workers' registrations, which the api lists."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import msgspec

from queuecontroller.errors import MetricsImplausible, MetricsMissing
from queuecontroller.metrics.http import Endpoints
from queuecontroller.plan.spec import MetricsRef

WORKERS_PATH = "/api/v1/workers"


class _Worker(msgspec.Struct, frozen=True):
    pod: str
    busy: int


def workers_url(metrics: MetricsRef) -> str:
    """Where the workers of a pool's api are listed.

    Raises:
        MetricsMissing: the pool does not say.
    """
    if metrics.workers_endpoint is not None:
        return metrics.workers_endpoint
    if metrics.endpoint is None:
        raise MetricsMissing("spec.metrics.workersEndpoint is not set")
    parts = urlsplit(metrics.endpoint)
    path = parts.path.removesuffix("/").removesuffix("/metrics")
    return urlunsplit((parts.scheme, parts.netloc, path + WORKERS_PATH, "", ""))


async def read_running(endpoints: Endpoints, metrics: MetricsRef) -> dict[str, int]:
    """Pod -> tasks that it runs, for every worker whose registration holds.

    Raises:
        ReadingFailed: the list cannot be had or relied on.
    """
    url = workers_url(metrics)
    body = await endpoints.get(url, metrics.timeout)
    try:
        workers = msgspec.json.decode(body, type=list[_Worker])
    except msgspec.DecodeError as error:
        raise MetricsImplausible(f"{url} does not list workers: {error}") from None
    running: dict[str, int] = {}
    for worker in workers:
        if worker.busy < 0:
            raise MetricsImplausible(f"{url}: the worker of pod {worker.pod} runs {worker.busy} tasks")
        running[worker.pod] = running.get(worker.pod, 0) + worker.busy
    return running
