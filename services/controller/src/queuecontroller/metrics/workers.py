"""Running tasks per pod, from the API's list of registered workers."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import msgspec

from queuecontroller.errors import MetricsImplausible, MetricsMissing
from queuecontroller.metrics.http import EndpointClient, name_endpoint
from queuecontroller.plan.spec import MetricsRef

WORKERS_PATH = "/api/v1/workers"


class _Worker(msgspec.Struct, frozen=True):
    pod: str
    busy: int


def workers_url(metrics: MetricsRef) -> str:
    """URL of the list of workers.

    Raises:
        MetricsMissing: the spec names none.
    """
    if metrics.workers_endpoint is not None:
        return metrics.workers_endpoint
    if metrics.endpoint is None:
        raise MetricsMissing("spec.metrics.workersEndpoint is not set")
    parts = urlsplit(metrics.endpoint)
    path = parts.path.removesuffix("/").removesuffix("/metrics")
    return urlunsplit((parts.scheme, parts.netloc, path + WORKERS_PATH, "", ""))


async def read_running(endpoints: EndpointClient, metrics: MetricsRef) -> dict[str, int]:
    """Pod -> tasks that it runs, for every registered worker.

    Raises:
        ReadingFailed: the list is unavailable or invalid.
    """
    url = workers_url(metrics)
    body = await endpoints.get(url, metrics.timeout)
    try:
        workers = msgspec.json.decode(body, type=list[_Worker])
    except msgspec.DecodeError:
        raise MetricsImplausible(f"{name_endpoint(url)} is no list of workers") from None
    running: dict[str, int] = {}
    for worker in workers:
        if worker.busy < 0:
            raise MetricsImplausible(f"{name_endpoint(url)}: a worker runs {worker.busy} tasks")
        running[worker.pod] = running.get(worker.pod, 0) + worker.busy
    return running
