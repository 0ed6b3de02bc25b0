"""Spans that a collector receives from real processes."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from queuecore.testing.collector import Collector, ReceivedSpan
from queuecore.testing.waiting import eventually
from tests.integration.traces.conftest import Caller, StartWorker
from tests.support.service_process import ServiceProcess

SOON = {"curve": "constant", "base": "1ms", "jitter": 0.0}


async def spans_of(collector: Collector, task_id: str, number: int) -> list[ReceivedSpan]:
    """The spans of a task, once so many have arrived."""

    await eventually(lambda: len(collector.of_task(task_id)) >= number)
    return collector.of_task(task_id)


async def span_with_id(collector: Collector, span_id: str) -> ReceivedSpan:
    (found,) = await eventually(lambda: [span for span in list(collector.spans) if span.span_id == span_id])
    return found


def new_caller(flags: str = "01") -> tuple[str, str, str]:
    """A trace, a span, and the header that names them."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    return trace_id, span_id, f"00-{trace_id}-{span_id}-{flags}"


async def test_trace_leads_from_the_caller_to_the_attempt(
    caller: Caller, worker: ServiceProcess, collector: Collector
) -> None:
    trace_id, callers_span, traceparent = new_caller()
    caller.client.headers["tracestate"] = "vendor=a"
    task_id = await caller.post("look", traceparent)
    task = await caller.until(task_id, "completed")
    send, process = await spans_of(collector, task_id, 2)
    serve = await span_with_id(collector, send.parent_id)

    assert {span.trace_id for span in (serve, send, process)} == {trace_id}
    assert [serve.parent_id, send.parent_id, process.parent_id] == [callers_span, serve.span_id, send.span_id]
    assert process.links == [(trace_id, send.span_id)]
    assert process.tracestate == "vendor=a"
    assert task["traceparent"] == f"00-{trace_id}-{send.span_id}-01"
    assert (serve.name, serve.kind, serve.service) == ("POST /api/v1/tasks", "SERVER", "taskyard-api")
    assert (send.name, send.kind, send.service) == ("send default", "PRODUCER", "taskyard-api")
    assert (process.name, process.kind, process.service) == ("process default", "CONSUMER", "taskyard-worker")
    assert not any(span.failed for span in (serve, send, process))
    assert worker.logged("worker_started")[0]["worker"] == process.attributes["messaging.client.id"]


async def test_spans_have_the_attributes_of_the_conventions(
    caller: Caller, worker: ServiceProcess, collector: Collector
) -> None:
    assert worker.process.poll() is None
    task_id = await caller.post("look")
    send, process = await spans_of(collector, task_id, 2)
    serve = await span_with_id(collector, send.parent_id)
    shared = {
        "messaging.system": "taskyard",
        "messaging.destination.name": "default",
        "messaging.message.id": task_id,
        "taskyard.task.type": "look",
    }
    operation = ("messaging.operation.name", "messaging.operation.type")

    assert send.attributes == {**shared, **dict.fromkeys(operation, "send")}
    waited_ms, worker_id = process.attributes["taskyard.task.waited_ms"], process.attributes["messaging.client.id"]
    assert process.attributes == {
        **shared,
        **dict.fromkeys(operation, "process"),
        "taskyard.task.attempt": 1,
        "taskyard.task.outcome": "completed",
        "taskyard.task.waited_ms": waited_ms,
        "messaging.client.id": worker_id,
    }
    assert serve.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/v1/tasks",
        "http.response.status_code": 201,
        "url.path": "/api/v1/tasks",
        "url.scheme": "http",
        "server.address": "127.0.0.1",
        "server.port": caller.client.base_url.port,
    }
    assert {"service.name", "service.version", "service.instance.id", "host.name"} <= process.resource.keys()


@pytest.mark.parametrize("task_type", ["look", "look:thread", "look:process"])
async def test_handlers_see_the_span_of_their_attempt(
    task_type: str, caller: Caller, worker: ServiceProcess, collector: Collector
) -> None:
    trace_id, _, traceparent = new_caller()
    task_id = await caller.post(task_type, traceparent)
    seen = (await caller.until(task_id, "completed"))["result"]
    _, process = await spans_of(collector, task_id, 2)
    assert seen == {"trace": trace_id, "span": process.span_id}

    def inner() -> list[ReceivedSpan]:
        return [span for span in list(collector.spans) if span.name == "inner" and span.trace_id == trace_id]

    (own,) = await eventually(inner)
    assert (own.parent_id, own.service) == (process.span_id, "taskyard-worker")
    (line,) = [line for line in worker.logged("looked") if line["task_id"] == task_id]
    assert line["trace_id"] == trace_id


async def test_retries_are_new_spans_linked_to_the_same_producer(
    caller: Caller, worker: ServiceProcess, collector: Collector
) -> None:
    assert worker.process.poll() is None
    task_id = await caller.post("fail:once", retry_policy=SOON)
    send, first, second = await spans_of(collector, task_id, 3)
    assert first.parent_id == second.parent_id == send.span_id
    assert first.links == second.links == [(send.trace_id, send.span_id)]
    assert [span.attributes["taskyard.task.attempt"] for span in (first, second)] == [1, 2]
    assert [span.attributes["taskyard.task.outcome"] for span in (first, second)] == ["retry", "completed"]
    assert [span.failed for span in (first, second)] == [True, False]
    assert first.attributes["error.type"] == "ValueError"
    assert first.attributes["taskyard.task.retry_in_ms"] == 1
    ((event, attributes),) = first.events
    assert (event, attributes["exception.type"]) == ("exception", "ValueError")
    assert attributes["exception.message"] == first.status_message == "ValueError: not yet \\udce9"
    assert "fail_once" in attributes["exception.stacktrace"]


@pytest.mark.parametrize(
    ("task_type", "error_type", "reason", "has_stacktrace"),
    [
        ("refuse", "taskyard.errors.DoNotRetry", "do_not_retry", False),
        ("fail:untellable", "tests.integration.traces.handlers.Untellable", "retries_exhausted", True),
        ("nobody:runs:this", "LookupError", "retries_exhausted", True),
    ],
)
async def test_failed_attempt_has_its_reason_when_it_is_archived(
    task_type: str,
    error_type: str,
    reason: str,
    has_stacktrace: bool,
    caller: Caller,
    worker: ServiceProcess,
    collector: Collector,
) -> None:
    assert worker.process.poll() is None
    task_id = await caller.post(task_type, max_retries=0)
    _, process = await spans_of(collector, task_id, 2)
    assert process.failed
    assert process.attributes["error.type"] == error_type
    assert process.attributes["taskyard.task.outcome"] == "archived"
    assert process.attributes["taskyard.task.reason"] == reason
    assert ("exception.stacktrace" in process.events[0][1]) == has_stacktrace


async def test_timeout_is_a_failure_and_cancel_is_none(
    caller: Caller, worker: ServiceProcess, collector: Collector, tmp_path: Path
) -> None:
    assert worker.process.poll() is None
    payload = {"until": str(tmp_path / "never")}
    late = await caller.post("wait", payload=payload, timeout="20ms", max_retries=0)
    unwanted = await caller.post("wait", payload=payload)
    await caller.until(unwanted, "active")
    assert (await caller.client.post(f"/api/v1/tasks/{unwanted}/cancel")).status_code == 202
    _, stopped = await spans_of(collector, late, 2)
    _, cancelled = await spans_of(collector, unwanted, 2)
    assert (stopped.failed, stopped.attributes["error.type"]) == (True, "timeout")
    assert (cancelled.failed, cancelled.attributes["taskyard.task.reason"]) == (False, "cancelled")
    assert "error.type" not in cancelled.attributes


async def test_nothing_is_exported_when_the_caller_does_not_sample(
    caller: Caller, worker: ServiceProcess, collector: Collector
) -> None:
    assert worker.process.poll() is None
    trace_id, callers_span, traceparent = new_caller(flags="00")
    unsampled = await caller.post("look", traceparent)
    task = await caller.until(unsampled, "completed")
    later = await caller.post("look")
    await spans_of(collector, later, 2)
    assert [span for span in list(collector.spans) if span.trace_id == trace_id] == []
    assert task["traceparent"] == traceparent
    assert task["result"] == {"trace": trace_id, "span": callers_span}


async def test_batch_has_one_producer_span_that_all_its_tasks_link_to(
    caller: Caller, worker: ServiceProcess, collector: Collector
) -> None:
    assert worker.process.poll() is None
    trace_id, _, traceparent = new_caller()
    tasks: list[dict[str, Any]] = [{"type": "look", "payload": {}} for _ in range(3)]
    answer = await caller.client.post(
        "/api/v1/tasks/batch", json={"tasks": [*tasks, {"type": ""}]}, headers={"traceparent": traceparent}
    )
    ids = [result["task_id"] for result in answer.json()["results"][:3]]
    processes = [(await spans_of(collector, task_id, 1))[0] for task_id in ids]
    (link,) = {tuple(span.links) for span in processes}
    send = await span_with_id(collector, link[0][1])
    assert (send.name, send.kind, send.trace_id) == ("send default", "PRODUCER", trace_id)
    assert send.attributes["messaging.batch.message_count"] == 3
    assert send.attributes["taskyard.send.refused"] == 0
    assert "messaging.message.id" not in send.attributes


async def test_refused_task_fails_its_producer_span(caller: Caller, collector: Collector) -> None:
    task_id = secrets.token_hex(8)
    trace_id, _, traceparent = new_caller()
    body = {"type": "look", "payload": {}, "queue": "unserved", "task_id": task_id}
    assert (await caller.client.post("/api/v1/tasks", json=body)).status_code == 201
    refused = await caller.client.post("/api/v1/tasks", json=body, headers={"traceparent": traceparent})
    assert refused.status_code == 409

    def look() -> list[ReceivedSpan]:
        return [span for span in list(collector.spans) if span.trace_id == trace_id and span.kind == "PRODUCER"]

    (send,) = await eventually(look)
    assert (send.failed, send.attributes["error.type"]) == (True, "Duplicate")


async def test_calls_of_the_store_have_spans_where_one_request_makes_them(caller: Caller, collector: Collector) -> None:
    task_id = await caller.post("look", queue="unserved")
    trace_id, _, traceparent = new_caller()
    await caller.client.get(
        f"/api/v1/tasks/{task_id}", params={"queue": "unserved"}, headers={"traceparent": traceparent}
    )

    def look() -> dict[str, ReceivedSpan]:
        return {span.kind: span for span in list(collector.spans) if span.trace_id == trace_id}

    await eventually(lambda: len(look()) == 2)
    spans = look()
    assert spans["SERVER"].name == "GET /api/v1/tasks/{task_id}"
    assert spans["CLIENT"].parent_id == spans["SERVER"].span_id
    assert spans["CLIENT"].name == "EVALSHA find"
    assert spans["CLIENT"].attributes == {
        "db.system.name": "redis",
        "db.operation.name": "EVALSHA",
        "db.stored_procedure.name": "find",
    }


async def test_probes_and_scrapes_are_not_traced(caller: Caller, api: ServiceProcess, collector: Collector) -> None:
    assert api.process.poll() is None
    for path in ("/live", "/ready", "/metrics"):
        await caller.client.get(path)
    task_id = await caller.post("look", queue="unserved")
    await spans_of(collector, task_id, 1)
    assert not {"/live", "/ready", "/metrics"} & {span.attributes.get("url.path") for span in list(collector.spans)}


async def test_lost_attempt_is_recorded_by_the_scheduler_when_its_worker_dies(
    caller: Caller, start_worker: StartWorker, scheduler: ServiceProcess, collector: Collector, tmp_path: Path
) -> None:
    assert scheduler.process.poll() is None
    gate = tmp_path / "gate"
    killed = start_worker("perilous", collector)
    task_id = await caller.post("wait", queue="perilous", payload={"until": str(gate)})
    await caller.until(task_id, "active", "perilous")
    killed.kill()
    gate.touch()
    start_worker("perilous", collector)
    await caller.until(task_id, "completed", "perilous")
    # The lost attempt begins at a whole millisecond of the store's clock, which may be before its parent's start.
    spans = {span.name: span for span in await spans_of(collector, task_id, 3)}
    send, lost, second = (spans[f"{name} perilous"] for name in ("send", "reclaim", "process"))
    assert (lost.service, lost.failed) == ("taskyard-scheduler", True)
    assert lost.links == second.links == [(send.trace_id, send.span_id)]
    assert [span.attributes["taskyard.task.attempt"] for span in (lost, second)] == [1, 2]
    assert lost.attributes["taskyard.task.outcome"] == "lost"
    assert lost.ended_at_ns > lost.started_at_ns


async def test_last_spans_are_sent_when_the_worker_stops(
    caller: Caller, start_worker: StartWorker, collector: Collector, tmp_path: Path
) -> None:
    stopping = start_worker("stopping", collector, TASKYARD_WORKER_DRAIN="0s", OTEL_BSP_SCHEDULE_DELAY="3600000")
    task_id = await caller.post("wait", queue="stopping", payload={"until": str(tmp_path / "never")})
    await caller.until(task_id, "active", "stopping")
    stopping.terminate()
    assert await stopping.wait() == 0
    _, process = await spans_of(collector, task_id, 2)
    assert (process.failed, process.attributes["taskyard.task.outcome"]) == (False, "released")
