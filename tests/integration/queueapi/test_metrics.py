from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from queuecore.domain.task import ArchiveReason
from queuecore.embedded import HOST, find_free_port
from queuecore.observe.metrics.definitions import OF_API, OF_EVERY_PROCESS, OF_STORE_CALLS, STORED
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.store.queues.directory import WorkerStatus
from queuecore.store.queues.limits import QueueLimits
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.store import TestStore
from tests.integration.open_metrics import read_open_metrics
from tests.support.demo_task import DEMO_TASK
from tests.support.service_process import running

OPEN_METRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


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


async def test_metrics_show_the_state_of_every_queue(client: httpx.AsyncClient, store: TestStore) -> None:
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


async def test_metrics_are_those_of_the_documentation(client: httpx.AsyncClient, store: TestStore) -> None:
    await store.enqueue(make_task())
    exposed = re.findall(r"^# TYPE (taskyard_\w+)", (await client.get("/metrics")).text, re.MULTILINE)
    documented = (*STORED, *OF_API, *OF_STORE_CALLS, *OF_EVERY_PROCESS)
    assert sorted(exposed) == sorted(each.name for each in documented)


async def test_metrics_include_the_process_and_the_runtime(client: httpx.AsyncClient) -> None:
    families = await scrape(client)

    assert {"python_info", "process_resident_memory_bytes", "python_gc_collections"} <= set(families)
    assert value(families["taskyard_store_ready"]) == 1


async def test_metrics_count_the_workers_of_a_queue_and_their_slots(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    await store.directory.register_queues(["a", "b", "idle"])
    for name, queues in (("one", ["a", "b"]), ("two", ["b"])):
        await store.directory.beat(WorkerStatus(name, "pod", queues, ["demo"], 10, 3, 1), 60_000)

    families = await scrape(client)

    found = {
        queue: (
            value(families["taskyard_queue_workers"], queue=queue),
            value(families["taskyard_queue_slots"], queue=queue),
        )
        for queue in ("a", "b", "idle")
    }
    assert found == {"a": (1, 10), "b": (2, 20), "idle": (0, 0)}
    await store.directory.forget_worker("two")
    assert value((await scrape(client))["taskyard_queue_workers"], queue="b") == 1


async def test_metrics_include_limits_when_a_queue_has_any(client: httpx.AsyncClient, store: TestStore) -> None:
    await store.enqueue(make_task(queue="limited"), make_task(queue="free"))
    await store.queue_control.limit("limited", QueueLimits(max_depth=5))

    families = await scrape(client)

    assert value(families["taskyard_queue_limit_tasks"], queue="limited") == 5
    assert value(families["taskyard_queue_bytes"], queue="free") > 0
    assert [sample.labels["queue"] for sample in families["taskyard_queue_limit_tasks"].samples] == ["limited"]
    assert families["taskyard_queue_limit_bytes"].samples == []


async def test_metrics_count_archived_tasks_by_reason(client: httpx.AsyncClient, store: TestStore) -> None:
    worker = store.worker()
    cancelled, failed, lost = make_task(), make_task(), make_task(max_retries=0)
    await store.enqueue(cancelled)
    await store.control.cancel("default", cancelled.id)
    await store.enqueue(failed)
    lease = await worker.lease_one(failed)
    await worker.settlements.fail([Failure(lease, 1, "no", reason=ArchiveReason.DO_NOT_RETRY)])
    await store.enqueue(lost)
    await worker.lease_one(lost)
    await store.expire_lease(lost)
    await store.reclaim()

    archived = (await scrape(client))["taskyard_tasks_archived"]

    found = {sample.labels["reason"]: sample.value for sample in archived.samples}
    assert found == {"cancelled": 1, "do_not_retry": 1, "retries_exhausted": 1}


async def test_metrics_include_the_server(client: httpx.AsyncClient, store: TestStore) -> None:
    await store.server.command("CONFIG", "SET", "maxmemory", "1gb")
    try:
        families = await scrape(client)
    finally:
        await store.server.command("CONFIG", "SET", "maxmemory", "0")

    assert value(families["taskyard_store_memory_limit_bytes"]) == 2**30
    assert 0 < value(families["taskyard_store_memory_bytes"]) < 2**30
    assert value(families["taskyard_store_connected_clients"]) >= 1
    assert value(families["taskyard_store_commands"], "_total") >= 1
    assert value(families["taskyard_store_evicted_keys"], "_total") == 0
    assert value(families["taskyard_store_info_unknown"]) == 0
    assert value(families["taskyard_store_call_duration_seconds"], "_count") >= 1


async def test_metrics_leave_the_server_out_when_info_is_forbidden(store: TestStore, tmp_path: Path) -> None:
    await store.server.command(
        "ACL", "SETUSER", "app", "on", ">secret", "~taskyard:*", "resetchannels", "&taskyard:*", "+@all", "-info"
    )
    try:
        url = store.server_url.replace("redis://", "redis://app:secret@")
        with running("queueapi", url, tmp_path / "api.log") as api:
            async with httpx.AsyncClient(base_url=api.url) as client:
                families = await scrape(client)
    finally:
        await store.server.command("ACL", "DELUSER", "app")
    assert value(families["taskyard_store_info_unknown"]) == 1
    assert value(families["taskyard_store_policy_unknown"]) == 1
    assert value(families["taskyard_store_ready"]) == 1
    assert "taskyard_store_memory_bytes" not in families


async def test_metrics_include_the_process_when_the_store_is_unreachable(tmp_path: Path) -> None:
    with running("queueapi", f"redis://{HOST}:{find_free_port()}", tmp_path / "api.log") as api:
        async with httpx.AsyncClient(base_url=api.url) as client:
            families = await scrape(client)
    assert value(families["taskyard_store_ready"]) == 0
    assert value(families["taskyard_store_call_failures"], "_total") >= 1
    assert value(families["taskyard_build_info"], service="api") == 1
    assert "process_resident_memory_bytes" in families
    assert "taskyard_queue_tasks" not in families


async def test_metrics_come_as_open_metrics_when_asked_for(client: httpx.AsyncClient, store: TestStore) -> None:
    await store.enqueue(make_task())
    plain = await scrape(client)

    response = await client.get("/metrics", headers=OPEN_METRICS)

    assert response.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert set(plain) <= set(read_open_metrics(response.text))


@pytest.mark.parametrize("accept", ["*/*", "text/html", "nonsense;;", "application/openmetrics-text;version=x"])
async def test_metrics_come_as_text_when_nothing_better_is_asked_for(client: httpx.AsyncClient, accept: str) -> None:
    response = await client.get("/metrics", headers={"Accept": accept})
    assert response.status_code == 200
    assert "taskyard_store_ready 1.0" in response.text


async def test_metrics_are_compressed_when_asked_for(client: httpx.AsyncClient) -> None:
    compressed = await client.get("/metrics", headers={"Accept-Encoding": "gzip"})
    plain = await client.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert compressed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert compressed.num_bytes_downloaded < plain.num_bytes_downloaded / 2
    assert "taskyard_store_ready 1.0" in compressed.text


async def test_request_durations_name_a_trace_when_it_is_kept(store: TestStore, tmp_path: Path) -> None:
    nobody = f"http://{HOST}:{find_free_port()}"
    with running("queueapi", store.server_url, tmp_path / "api.log", OTEL_EXPORTER_OTLP_ENDPOINT=nobody) as api:
        async with httpx.AsyncClient(base_url=api.url) as client:
            await client.get("/api/v1/workers", headers={"traceparent": SAMPLED})
            await client.get("/api/v1/types", headers={"traceparent": SAMPLED[:-1] + "0"})
            text = (await client.get("/metrics", headers=OPEN_METRICS)).text
    durations = read_open_metrics(text)["taskyard_http_request_duration_seconds"]
    shown = {sample.labels["route"]: sample.exemplar.labels for sample in durations.samples if sample.exemplar}
    assert shown == {"/api/v1/workers": {"trace_id": SAMPLED.split("-")[1]}}


async def test_metrics_get_no_series_from_unknown_types_routes_and_methods(store: TestStore, tmp_path: Path) -> None:
    with running("queueapi", store.server_url, tmp_path / "api.log", TASKYARD_API_UNKNOWN_TYPES="accept") as api:
        async with httpx.AsyncClient(base_url=api.url) as client:
            await _flood(client, 1)  # makes the series of the routes themselves
            before = await _flood(client, 2)
            after = await _flood(client, 1_000)
        # Their worker dies: lost attempts have a type too.
        await store.worker().lease(100)
        for task_id in await store.server.command("ZRANGE", "taskyard:{default}:active", 0, -1):
            await store.server.command("ZADD", "taskyard:{default}:active", "XX", 1, task_id)
        await store.reclaim()
        async with httpx.AsyncClient(base_url=api.url) as client:
            processed = (await scrape(client))["taskyard_tasks_processed"]
    assert after == before
    assert [sample.labels["type"] for sample in processed.samples] == ["unregistered"]


async def _flood(client: httpx.AsyncClient, number: int) -> int:
    """Send ``number`` requests each with a type, a path and a method that nobody knows; how many series there are."""
    for start in range(0, number, 100):
        tasks = [{**DEMO_TASK, "type": f"type-{place}"} for place in range(start, min(number, start + 100))]
        assert (await client.post("/api/v1/tasks/batch", json={"tasks": tasks})).status_code == 200
    for place in range(number):
        await client.request(f"METHOD{place}", f"/path/{place}")
        await client.get(f"/api/v1/path-{place}")
    return sum(len(family.samples) for family in (await scrape(client)).values())
