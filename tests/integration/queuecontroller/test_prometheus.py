from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from queuecontroller.errors import MetricsMissing
from queuecontroller.metrics.http import Endpoints
from queuecontroller.metrics.source import PrometheusMetrics
from queuecontroller.plan.meter import Reading
from queuecontroller.plan.spec import MetricsRef, PrometheusRef, Seconds
from queuecore.embedded import find_free_port
from queuecore.testing.waiting import eventually
from tests.integration.queuecontroller.queue_api import QueueApi, Queues

REPLICAS = ("replica-a", "replica-b")


@pytest.fixture
def prometheus(queue_api: tuple[QueueApi, str], tmp_path: Path) -> Iterator[str]:
    """A real Prometheus that scrapes two replicas of an api; its URL."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("there is no prometheus: its reader is NOT tested against a real one (apt-get install prometheus)")
    api, url = queue_api
    host = url.removeprefix("http://")
    jobs = "".join(
        f"  - {{job_name: {name}, metrics_path: /{name}/metrics, static_configs: [{{targets: ['{host}']}}]}}\n"
        for name in REPLICAS
    )
    for name in REPLICAS:
        api.apis[name] = Queues(pending=12, active=3, due=4, ended=100)
    config = tmp_path / "prometheus.yml"
    config.write_text(f"global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n{jobs}")
    port = find_free_port()
    arguments = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [binary, *arguments, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        )
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


async def read(client: httpx.AsyncClient, url: str, **changes: float) -> Reading | None:
    """What the source reads; nothing while there is nothing yet."""
    stale_after = Seconds(changes.get("stale_after", 60))
    ref = MetricsRef(prometheus=PrometheusRef(url=url, selector='job=~"replica-.*"'), stale_after=stale_after)
    try:
        return await PrometheusMetrics(Endpoints(client), ref).read()
    except MetricsMissing:
        return None


async def test_queues_are_read_once_when_prometheus_scrapes_two_replicas(prometheus: str) -> None:
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=20)) as client:
        await eventually(lambda: _answers(client, prometheus))

        reading = await eventually(lambda: read(client, prometheus))

        assert reading is not None
        queue = reading.queue("default")
        assert (queue.pending, queue.active, queue.due[60.0]) == (12, 3, 4)
        assert queue.ended == {("demo", "completed"): 100}
        assert queue.runs == {("demo",): 100}
        assert max(queue.runs_within.values()) == 100


async def test_queues_are_missing_when_prometheus_scrapes_no_more(
    prometheus: str, queue_api: tuple[QueueApi, str]
) -> None:
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=20)) as client:
        await eventually(lambda: _answers(client, prometheus))
        await eventually(lambda: read(client, prometheus))

        for name in REPLICAS:
            queue_api[0].apis[name].status = 500

        async def is_missing() -> bool:
            return await read(client, prometheus) is None

        await eventually(is_missing)


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/-/ready")).status_code == 200
    except httpx.TransportError:
        return False
