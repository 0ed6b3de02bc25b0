from __future__ import annotations

import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from queuecore.store.settle import Success
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.store import TestStore


async def scrape(client: httpx.AsyncClient) -> dict[str, Metric]:
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family for family in text_string_to_metric_families(response.text)}


def value(family: Metric, suffix: str = "", **labels: str) -> float:
    (found,) = [
        sample.value
        for sample in family.samples
        if sample.name == family.name + suffix and labels.items() <= sample.labels.items()
    ]
    return found


async def test_metrics_tell_the_state_of_every_queue(client: httpx.AsyncClient, store: TestStore) -> None:
    await store.enqueue(make_task(queue="a"), make_task(queue="a"))
    await store.enqueue(make_task(queue="a", process_at_ms=now_ms() + 30_000))

    families = await scrape(client)

    assert value(families["taskyard_queue_tasks"], queue="a", state="pending") == 2
    assert value(families["taskyard_queue_tasks"], queue="a", state="scheduled") == 1
    assert value(families["taskyard_queue_due_tasks"], queue="a", within="0s") == 0
    assert value(families["taskyard_queue_due_tasks"], queue="a", within="60s") == 1
    assert 0 <= value(families["taskyard_queue_oldest_pending_seconds"], queue="a") < 60
    assert value(families["taskyard_tasks_enqueued"], "_total", queue="a", type="demo") == 3
    assert value(families["taskyard_orphans"], "_total", queue="a") == 0


async def test_metrics_have_cumulative_histograms_in_seconds(client: httpx.AsyncClient, store: TestStore) -> None:
    worker = store.worker()
    for run_ms in (3, 200, 10**7):
        task = make_task()
        await store.enqueue(task)
        await worker.settlements.complete([Success(await worker.lease_one(task), run_ms)])

    families = await scrape(client)

    duration = families["taskyard_task_duration_seconds"]
    labels = {"queue": "default", "type": "demo"}
    buckets = [sample.value for sample in duration.samples if sample.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert value(duration, "_bucket", le="0.005", **labels) == 1
    assert value(duration, "_bucket", le="0.25", **labels) == 2
    assert value(duration, "_bucket", le="+Inf", **labels) == value(duration, "_count", **labels) == 3
    assert value(duration, "_sum", **labels) == 10_000.203
    processed = families["taskyard_tasks_processed"]
    assert value(processed, "_total", outcome="completed", **labels) == 3
    assert value(families["taskyard_task_wait_seconds"], "_count", **labels) == 3


async def test_metrics_count_requests_by_route_and_never_by_path(client: httpx.AsyncClient) -> None:
    for path in ("/api/v1/tasks/some-id", "/no/such/path", "/health"):
        await client.get(path)
    await client.request("BREW", "/no/such/path")

    requests = (await scrape(client))["taskyard_http_requests"]

    assert value(requests, "_total", route="/api/v1/tasks/{task_id}", method="GET", status="404") >= 1
    assert value(requests, "_total", route="/health", method="GET", status="200") >= 1
    assert value(requests, "_total", route="unmatched", method="GET", status="404") >= 1
    assert not [sample for sample in requests.samples if "some-id" in str(sample) or "BREW" in str(sample)]


async def test_metrics_tell_of_the_process_and_the_runtime(client: httpx.AsyncClient) -> None:
    families = await scrape(client)

    assert {"python_info", "process_resident_memory_bytes", "python_gc_collections"} <= set(families)
    assert value(families["taskyard_store_ready"]) == 1
