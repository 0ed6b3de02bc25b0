from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from queuecore.domain.state import TaskState
from queuecore.embedded import HOST, EmbeddedValkey, find_free_port
from queuecore.observe.metrics.definitions import OF_EVERY_PROCESS, OF_STORE_CALLS, OF_WORKER
from queuecore.testing.store import TestStore
from tests.integration.open_metrics import read_open_metrics
from tests.integration.queueworker.conftest import StartService
from tests.integration.queueworker.expectations import order, until_state
from tests.support.service_process import ServiceProcess, start

PER_QUEUE = 20


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("TASKYARD_WORKER_QUEUES", "default:0", "TASKYARD_WORKER_QUEUES"),
        ("TASKYARD_WORKER_SLOT", "5", "TASKYARD_WORKER_SLOTS"),
        ("TASKYARD_WORKER_DEMO", "false", "TASKYARD_WORKER_APPS names no app"),
        ("TASKYARD_WORKER_APPS", "there.is.none", "TASKYARD_WORKER_APPS"),
        ("TASKYARD_WORKER_APPS", "tests.integration.queueworker.expectations", "TASKYARD_WORKER_APPS"),
    ],
)
async def test_worker_exits_2_and_names_the_variable_when_it_is_wrong(
    valkey: EmbeddedValkey, tmp_path: Path, variable: str, value: str, named: str
) -> None:
    process = start("queueworker", valkey.url, tmp_path / "log", **{variable: value})
    assert await process.wait() == 2
    assert named in process.log
    assert "Traceback" not in process.log


async def test_worker_exits_2_and_names_the_port_when_it_is_taken(
    worker: ServiceProcess, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    port = worker.url.rpartition(":")[2]
    process = start("queueworker", valkey.url, tmp_path / "log", TASKYARD_WORKER_PROBE_PORT=port)
    assert await process.wait() == 2
    assert port in process.log


async def test_worker_logs_json_lines(start_worker: StartService, store: TestStore) -> None:
    worker = start_worker()
    task = order("failing", max_retries=0)
    await store.enqueue(task)
    await until_state(store, task, TaskState.ARCHIVED)
    worker.terminate()
    assert await worker.wait() == 0
    lines = worker.lines()
    assert [line["event"] for line in lines] == [
        "worker_started",
        "task_failed",
        "drain_started",
        "drain_finished",
        "worker_stopped",
    ]
    for line in lines:
        assert line["service"] == "worker"
        assert line["level"] in {"info", "warning"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    (failed,) = worker.logged("task_failed")
    assert (failed["task_id"], failed["queue"], failed["type"], failed["attempt"]) == (task.id, "default", "failing", 1)
    assert failed["error"] == "ValueError: this never works"
    assert "Traceback" in failed["traceback"]


async def test_worker_shows_its_metrics(worker: ServiceProcess) -> None:
    text = (await worker.get("/metrics")).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["taskyard_worker_slots"].samples[0].value == 20
    assert families["taskyard_worker_busy_slots"].type == "gauge"
    assert families["taskyard_worker_stale_settles"].type == "counter"
    assert families["taskyard_build_info"].samples[0].labels["service"] == "worker"
    assert all(family.documentation for family in families.values())
    exposed = re.findall(r"^# TYPE (taskyard_\w+)", text, re.MULTILINE)
    assert sorted(exposed) == sorted(each.name for each in (*OF_WORKER, *OF_STORE_CALLS, *OF_EVERY_PROCESS))


async def test_worker_names_a_trace_beside_durations_when_it_is_kept(
    start_worker: StartService, store: TestStore
) -> None:
    worker = start_worker(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{HOST}:{find_free_port()}")
    kept, passed_over = "a" * 32, "b" * 32
    tasks = [
        order("async", traceparent=f"00-{kept}-{'1' * 16}-01"),
        order("number", traceparent=f"00-{passed_over}-{'1' * 16}-00"),
    ]
    await store.enqueue(*tasks)
    for task in tasks:
        await until_state(store, task, TaskState.COMPLETED)

    text = (await worker.get("/metrics", {"Accept": "application/openmetrics-text;version=1.0.0"})).text

    families = read_open_metrics(text)
    durations = families["taskyard_worker_task_duration_seconds"].samples
    assert {sample.labels["type"]: sample.exemplar.labels for sample in durations if sample.exemplar} == {
        "async": {"trace_id": kept}
    }
    counted = [sample for sample in durations if sample.name.endswith("_count")]
    assert {(sample.labels["queue"], sample.labels["type"], sample.value) for sample in counted} == {
        ("default", "async", 1),
        ("default", "number", 1),
    }
    assert families["taskyard_store_call_duration_seconds"].samples


async def test_worker_is_live_and_ready(worker: ServiceProcess) -> None:
    assert await worker.status("/live") == 200
    assert await worker.status("/ready") == 200
    assert await worker.status("/other") == 404


async def run_in_order(store: TestStore, start_worker: StartService, queues: str, order_name: str) -> list[str]:
    """Fill three queues, then run all tasks one at a time; their queues in the order in which they ran."""
    tasks = [order("number", queue=queue) for queue in ("high", "middle", "low") for _ in range(PER_QUEUE)]
    await store.enqueue(*tasks)
    start_worker(TASKYARD_WORKER_QUEUES=queues, TASKYARD_WORKER_QUEUE_ORDER=order_name, TASKYARD_WORKER_SLOTS="1")
    places = {}
    for task in tasks:
        found = await until_state(store, task, TaskState.COMPLETED)
        places[int(found.result or b"")] = task.queue
    assert sorted(places) == list(range(1, len(tasks) + 1))
    return [places[place] for place in sorted(places)]


async def test_queues_share_a_single_slot_by_their_weights(store: TestStore, start_worker: StartService) -> None:
    ran = await run_in_order(store, start_worker, "high:6,middle:3,low:1", "weighted")
    assert Counter(ran[:20]) == {"high": 12, "middle": 6, "low": 2}


async def test_queues_are_emptied_one_after_the_other_when_their_order_is_strict(
    store: TestStore, start_worker: StartService
) -> None:
    ran = await run_in_order(store, start_worker, "high,middle,low", "strict")
    assert ran == ["high"] * PER_QUEUE + ["middle"] * PER_QUEUE + ["low"] * PER_QUEUE
