"""Export of spans, and tasks during outages of the collector."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from queuecore.embedded import HOST, EmbeddedValkey, find_free_port
from queuecore.testing.builders import make_task
from queuecore.testing.collector import Collector, grpc_collector, http_collector
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.integration.traces.conftest import StartWorker

QUEUE = "export"
SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
async def store(valkey: EmbeddedValkey) -> AsyncIterator[TestStore]:
    """Beside the services that other tests share: nothing of theirs is removed."""
    opened = TestStore(valkey.url)
    yield opened
    await opened.close()


async def run_one(store: TestStore, traceparent: str | None = SAMPLED) -> str:
    """Run a task to its end; its id."""
    task = make_task(type="look", queue=QUEUE, traceparent=traceparent)
    await store.enqueue(task)
    await eventually(lambda: _is_completed(store, task.id))
    return task.id


async def _is_completed(store: TestStore, task_id: str) -> bool:
    snapshot = await store.reader.find(task_id, [QUEUE])
    return snapshot is not None and snapshot.state == "completed"


@pytest.mark.parametrize(
    ("collect", "protocol", "encoding"),
    [(http_collector, "http/protobuf", "content-encoding"), (grpc_collector, "grpc", "")],
)
async def test_spans_arrive_after_a_refusal(
    collect: Callable[[], AbstractContextManager[Collector]],
    protocol: str,
    encoding: str,
    store: TestStore,
    start_worker: StartWorker,
) -> None:
    with collect() as collector:
        collector.refusals.append(503)
        start_worker(
            QUEUE,
            collector,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
            OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20secret",
            OTEL_SERVICE_NAME="shop-worker",
            OTEL_RESOURCE_ATTRIBUTES="k8s.namespace.name=shop,k8s.pod.name=a%20b",
        )
        task_id = await run_one(store)
        (span,) = await eventually(lambda: collector.of_task(task_id))
    assert collector.refusals == []
    assert len(collector.requests) >= 2
    assert all(headers["authorization"] == "Bearer secret" for headers in collector.requests)
    assert not encoding or all(headers[encoding] == "gzip" for headers in collector.requests)
    assert {"service.name": "shop-worker", "k8s.namespace.name": "shop", "k8s.pod.name": "a b"}.items() <= (
        span.resource.items()
    )


@pytest.mark.parametrize(
    ("collect", "protocol"), [(http_collector, "http/protobuf"), (grpc_collector, "grpc")], ids=["http", "grpc"]
)
async def test_collector_that_hangs_keeps_neither_tasks_nor_the_stop_waiting(
    collect: Callable[[], AbstractContextManager[Collector]],
    protocol: str,
    store: TestStore,
    start_worker: StartWorker,
) -> None:
    with collect() as collector:
        collector.gate.clear()
        worker = start_worker(QUEUE, collector, OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
        await run_one(store)
        await eventually(lambda: collector.requests)
        await run_one(store)
        worker.terminate()
        assert await worker.wait() == 0
        assert worker.logged("traces_not_sent")
        assert collector.spans == []


async def test_unreachable_collector_is_logged_once(store: TestStore, start_worker: StartWorker) -> None:
    nowhere = Collector()
    nowhere.endpoint = f"http://{HOST}:{find_free_port()}"
    # A queue so short that spans are dropped, and logged, while the first export is retried.
    worker = start_worker(QUEUE, nowhere, OTEL_BSP_MAX_QUEUE_SIZE="2", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="1")
    for _ in range(10):
        await run_one(store)
    await eventually(lambda: worker.logged("tracing_troubled"))
    worker.terminate()
    assert await worker.wait() == 0
    assert len(worker.logged("tracing_troubled")) == 1
    assert all(line["event"] != "Queue full, dropping Span." for line in worker.lines())


@pytest.mark.parametrize(
    ("traceparent", "sampler", "kept"),
    [
        (SAMPLED, {"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, True),
        (SAMPLED, {"OTEL_TRACES_SAMPLER": "always_off"}, False),
        (SAMPLED[:-1] + "0", {"OTEL_TRACES_SAMPLER": "always_on"}, True),
        (None, {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, False),
        (None, {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}, True),
        ("not a traceparent", {}, True),
    ],
)
async def test_sampler_decides(
    traceparent: str | None, sampler: dict[str, str], kept: bool, store: TestStore, start_worker: StartWorker
) -> None:
    with http_collector() as collector:
        worker = start_worker(QUEUE, collector, **sampler)
        task_id = await run_one(store, traceparent)
        worker.terminate()
        assert await worker.wait() == 0
        assert bool(collector.of_task(task_id)) == kept


@pytest.mark.parametrize(
    "switched_off",
    [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}],
)
async def test_nothing_is_traced_when_switched_off(
    switched_off: dict[str, str], store: TestStore, start_worker: StartWorker
) -> None:
    with http_collector() as collector:
        worker = start_worker(QUEUE, collector, **switched_off)
        await run_one(store)
        worker.terminate()
        assert await worker.wait() == 0
        assert collector.requests == []
        assert not worker.logged("tracing_started")


@pytest.mark.parametrize("module", ["queueapi.app", "queueworker.app", "queuescheduler.app"])
def test_services_load_nothing_that_traces_before_it_is_on(module: str) -> None:
    # The client of the store loads the part of the SDK for metrics, whatever we do.
    unwanted = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "grpc", "requests")
    program = f"import sys, {module}; print(*(name for name in sys.modules if name.startswith({unwanted})))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_wrong_value_ends_the_process_and_is_named(tmp_path: Path, valkey: EmbeddedValkey) -> None:
    environ = {
        "TASKYARD_REDIS_URL": valkey.url,
        "OTEL_TRACES_SAMPLER": "sometimes",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317",
        "OTEL_EXPORTER_OTLP_HEADERS": "token=hidden",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "queuescheduler"], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "OTEL_TRACES_SAMPLER" in ran.stderr
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in ran.stderr
    assert "hidden" not in ran.stderr
