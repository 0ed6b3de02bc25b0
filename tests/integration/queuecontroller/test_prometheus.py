from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from queuecontroller.errors import MetricsMissing
from queuecontroller.metrics.http import EndpointClient
from queuecontroller.metrics.source import PrometheusMetrics
from queuecontroller.plan.reading import Reading
from queuecontroller.plan.spec import MetricsRef, PrometheusRef, Seconds
from queuecore.testing.waiting import eventually
from tests.monitoring.prometheus_server import running_prometheus
from tests.support.kubernetes.queue_api import QueueApi, Queues

REPLICAS = ("replica-a", "replica-b")


@pytest.fixture
def prometheus(queue_api: tuple[QueueApi, str], tmp_path: Path) -> Iterator[str]:
    """URL of a real Prometheus server that scrapes two replicas of an API."""
    api, url = queue_api
    targets = [{"targets": [url.removeprefix("http://")]}]
    for name in REPLICAS:
        api.apis[name] = Queues(pending=12, active=3, due=4, ended=100)
    config = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
        "scrape_configs": [
            {"job_name": name, "metrics_path": f"/{name}/metrics", "static_configs": targets} for name in REPLICAS
        ],
    }
    with running_prometheus(tmp_path, config) as server:
        yield server.url


async def read(client: httpx.AsyncClient, url: str, **changes: float) -> Reading | None:
    """The reading of the source; ``None`` while samples are missing."""
    stale_after = Seconds(changes.get("stale_after", 60))
    ref = MetricsRef(prometheus=PrometheusRef(url=url, selector='job=~"replica-.*"'), stale_after=stale_after)
    try:
        return await PrometheusMetrics(EndpointClient(client), ref, ["default"]).read()
    except MetricsMissing:
        return None


async def test_queues_are_read_once_when_prometheus_scrapes_two_replicas(prometheus: str) -> None:
    async with httpx.AsyncClient() as client:
        reading = await eventually(lambda: read(client, prometheus))

        assert reading is not None
        queue = reading.queue("default")
        assert (queue.pending, queue.active, queue.due[60.0]) == (12, 3, 4)
        assert queue.ended == {("demo", "completed"): 100}
        assert queue.runs == {("demo",): 100}
        assert max(queue.runs_within.values()) == 100


async def test_queues_are_missing_when_scrapes_fail(prometheus: str, queue_api: tuple[QueueApi, str]) -> None:
    async with httpx.AsyncClient() as client:
        await eventually(lambda: read(client, prometheus))

        for name in REPLICAS:
            queue_api[0].apis[name].status = 500

        async def is_missing() -> bool:
            return await read(client, prometheus) is None

        await eventually(is_missing)
