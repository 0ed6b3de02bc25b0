from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from queuecore.domain.retry import RetryPolicy
from queuecore.domain.task import ArchiveReason
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.testing.builders import now_ms
from queuecore.testing.waiting import eventually
from queueworker.executors.coroutine import CoroutineExecutor
from queueworker.executors.thread import ThreadExecutor
from queueworker.handlers.registry import HandlerRegistry
from queueworker.metrics import WorkerMetrics
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run, StopReason
from queueworker.runs.runner import UNHANDLED_LABEL, Runner
from queueworker.runs.slots import Slots
from taskyard import Context, DoNotRetry, Retry
from taskyard.handler import HandlerKind, make_handler
from taskyard.payloads.outcome import MAX_RESULT_BYTES
from tests.unit.queueworker.leases import make_lease

SLOTS = 4


class Outcomes:
    """An outcome sink that records all outcomes."""

    def __init__(self) -> None:
        self.successes: list[Success] = []
        self.failures: list[Failure] = []

    def succeed(self, _run: Run, success: Success) -> None:
        self.successes.append(success)

    def fail(self, _run: Run, failure: Failure) -> None:
        self.failures.append(failure)


class Bench:
    """A runner without a store."""

    def __init__(self) -> None:
        self.handlers = HandlerRegistry()
        self.in_flight = InFlightRuns()
        self.slots = Slots(SLOTS)
        self.outcomes = Outcomes()
        self.progress: list[tuple[Lease, bytes]] = []
        self.registry = CollectorRegistry()
        self.threads = ThreadExecutor(SLOTS)
        self.runner = Runner(
            handlers=self.handlers,
            executors={HandlerKind.ASYNC: CoroutineExecutor(), HandlerKind.THREAD: self.threads},
            slots=self.slots,
            in_flight=self.in_flight,
            settler=self.outcomes,
            metrics=WorkerMetrics(self.registry, self.slots.total, lambda: self.slots.busy),
            report_progress=lambda lease, value: self.progress.append((lease, value)),
            random=lambda: 0.5,
        )

    def start(self, function: Callable[..., Any] | None = None, lease: Lease | None = None, **task: Any) -> Run:
        """Start a task of the type ``demo``."""
        if function is not None:
            self.handlers.add(make_handler("demo", function))
        lease = lease or make_lease(**task)
        self.runner.start(lease)
        run = self.in_flight.find(lease.task.queue, lease.task.id)
        assert run is not None
        return run

    async def run(self, function: Callable[..., Any] | None = None, **task: Any) -> None:
        """Run a task of the type ``demo`` to its end."""
        await ended(self.start(function, **task))
        await asyncio.wait_for(self.slots.wait_until_all_free(), 3)

    @property
    def stuck(self) -> float | None:
        return self.registry.get_sample_value("taskyard_worker_stuck_threads")

    @property
    def failure(self) -> Failure:
        (failure,) = self.outcomes.failures
        assert self.outcomes.successes == []
        return failure

    @property
    def result(self) -> bytes:
        (success,) = self.outcomes.successes
        assert self.outcomes.failures == []
        return success.result


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    for run in made.in_flight.running():
        run.stop(StopReason.DRAIN)
    made.threads.close()


async def ended(run: Run) -> None:
    assert run.work is not None
    await asyncio.wait_for(asyncio.wait([run.work]), 3)
    assert run.work.cancelled() or run.work.exception() is None


async def wait_for_ever(_: dict[str, Any]) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("returned", "result"), [({"sent": 3}, b'{"sent":3}'), (0, b"0"), ("", b'""'), ([], b"[]"), (None, b"")]
)
async def test_result_is_the_return_value_of_the_handler(bench: Bench, returned: object, result: bytes) -> None:
    async def handle(_: dict[str, Any]) -> object:
        return returned

    await bench.run(handle)
    assert bench.result == result


async def test_result_is_that_of_the_context_when_the_handler_returns_nothing(bench: Bench) -> None:
    def handle(_: dict[str, Any], context: Context) -> None:
        context.result = [1]

    await bench.run(handle)
    assert bench.result == b"[1]"


def nested_in_itself() -> list[object]:
    result: list[object] = []
    result.append(result)
    return result


@pytest.mark.parametrize("returned", [object(), "\udcff", "x" * MAX_RESULT_BYTES, nested_in_itself()])
async def test_task_is_archived_when_its_result_cannot_be_serialized(bench: Bench, returned: object) -> None:
    async def handle(_: dict[str, Any]) -> object:
        return returned

    await bench.run(handle)
    assert bench.failure.reason is ArchiveReason.DO_NOT_RETRY
    assert "result" in bench.failure.error


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("this error has no text")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("no such address"), "ValueError: no such address"),
        (ValueError(), "ValueError"),
        (Retry("busy"), "Retry: busy"),
        (asyncio.CancelledError(), "CancelledError"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (StopIteration(), "StopIteration"),
        (SilentError(), "SilentError"),
    ],
)
@pytest.mark.parametrize("kind", [HandlerKind.ASYNC, HandlerKind.THREAD])
async def test_attempt_fails_when_its_handler_raises(
    bench: Bench, error: BaseException, expected: str, kind: HandlerKind
) -> None:
    async def handle_async(_: dict[str, Any]) -> None:
        raise error

    def handle(_: dict[str, Any]) -> None:
        raise error

    await bench.run(handle_async if kind is HandlerKind.ASYNC else handle)
    assert expected in bench.failure.error
    assert bench.failure.retry_in_ms is not None


async def test_error_message_is_encodable_when_it_is_not_utf_8(bench: Bench) -> None:
    async def handle(_: dict[str, Any]) -> None:
        raise FileNotFoundError("no file \udcff")

    await bench.run(handle)
    assert bench.failure.error.encode()


async def test_do_not_retry_archives_the_task_when_retries_are_left(bench: Bench) -> None:
    async def handle(_: dict[str, Any]) -> None:
        raise DoNotRetry("no use")

    await bench.run(handle)
    assert (bench.failure.retry_in_ms, bench.failure.reason) == (None, ArchiveReason.DO_NOT_RETRY)


async def test_task_is_retried_when_the_handler_itself_raises_a_validation_error(bench: Bench) -> None:
    async def handle(_: dict[str, Any]) -> None:
        msgspec.json.decode(b'"what another service answered"', type=int)

    await bench.run(handle)
    assert bench.failure.retry_in_ms is not None


async def test_task_is_retried_under_a_shared_label_when_its_type_has_no_handler(bench: Bench) -> None:
    await bench.run(None, type="nobody.knows")
    assert "nobody.knows" in bench.failure.error
    assert bench.failure.retry_in_ms is not None
    assert bench.failure.label == UNHANDLED_LABEL


async def test_coroutine_is_cancelled_when_its_timeout_has_passed(bench: Bench) -> None:
    cleaned = asyncio.Event()

    async def handle(_: dict[str, Any], context: Context) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            assert context.cancelled
            cleaned.set()

    await bench.run(handle, timeout_ms=10, retry_policy=RetryPolicy(curve="constant", base_ms=5, jitter=0))
    assert cleaned.is_set()
    assert (bench.failure.error, bench.failure.retry_in_ms) == (StopReason.TIMEOUT.value, 5)


async def test_attempt_has_failed_when_its_handler_returns_after_the_timeout(bench: Bench) -> None:
    async def handle(_: dict[str, Any]) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "too late"
        return "never"

    await bench.run(handle, timeout_ms=10)
    assert bench.failure.error == StopReason.TIMEOUT.value


async def test_cancelled_attempt_succeeds_when_its_handler_returns_all_the_same(bench: Bench) -> None:
    begun = asyncio.Event()

    async def handle(_: dict[str, Any]) -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "just done"
        return "never"

    run = bench.start(handle)
    await begun.wait()
    run.stop(StopReason.CANCELLED)
    await ended(run)
    assert bench.result == b'"just done"'


async def test_attempt_is_stopped_at_the_deadline_when_it_is_before_the_timeout(bench: Bench) -> None:
    await bench.run(wait_for_ever, deadline_at_ms=now_ms() + 20, timeout_ms=60_000)
    assert bench.failure.reason is ArchiveReason.DEADLINE_EXCEEDED


@pytest.mark.parametrize("kind", [HandlerKind.ASYNC, HandlerKind.THREAD])
async def test_handler_is_not_called_when_the_deadline_has_passed(bench: Bench, kind: HandlerKind) -> None:
    called = threading.Event()

    async def handle_async(_: dict[str, Any]) -> None:
        called.set()

    def handle(_: dict[str, Any]) -> None:
        called.set()

    await bench.run(handle_async if kind is HandlerKind.ASYNC else handle, deadline_at_ms=now_ms() - 1)
    assert bench.failure.reason is ArchiveReason.DEADLINE_EXCEEDED
    assert not called.is_set()


async def test_context_has_the_earlier_of_timeout_and_deadline(bench: Bench) -> None:
    at_ms = now_ms()
    by_timeout = bench.start(wait_for_ever, timeout_ms=5_000, deadline_at_ms=at_ms + 60_000)
    by_deadline = bench.start(timeout_ms=60_000, deadline_at_ms=at_ms + 5_000)
    assert by_timeout.context.deadline_at_ms == by_timeout.lease.started_at_ms + 5_000
    assert by_deadline.context.deadline_at_ms == at_ms + 5_000


async def test_attempt_is_settled_when_it_is_stopped_before_its_first_step(bench: Bench) -> None:
    called = asyncio.Event()

    async def handle(_: dict[str, Any]) -> None:
        called.set()

    run = bench.start(handle)
    run.stop(StopReason.CANCELLED)
    await ended(run)
    assert bench.failure.reason is ArchiveReason.CANCELLED
    assert bench.slots.busy == 0
    assert not called.is_set()


async def test_attempt_is_neither_settled_nor_in_flight_when_its_lease_is_lost(bench: Bench) -> None:
    run = bench.start(wait_for_ever)
    run.stop(StopReason.LEASE_LOST)
    await ended(run)
    assert bench.in_flight.all() == []
    assert bench.outcomes.failures == []
    assert bench.slots.busy == 0


async def test_attempt_stays_in_flight_and_unsettled_when_it_is_stopped_by_a_drain(bench: Bench) -> None:
    run = bench.start(wait_for_ever)
    run.stop(StopReason.DRAIN)
    await ended(run)
    assert bench.in_flight.all() == [run]
    assert bench.outcomes.failures == []
    assert bench.slots.busy == 0


async def test_stop_has_no_effect_when_the_attempt_is_stopped_already(bench: Bench) -> None:
    run = bench.start(wait_for_ever)
    run.stop(StopReason.CANCELLED)
    run.stop(StopReason.TIMEOUT)
    await ended(run)
    assert bench.failure.reason is ArchiveReason.CANCELLED


async def test_older_attempt_is_stopped_when_the_worker_leases_its_task_again(bench: Bench) -> None:
    older = bench.start(wait_for_ever, lease=make_lease(id="a", token=1))
    newer = bench.start(lease=make_lease(id="a", token=2, attempt=2))
    await ended(older)
    assert older.stopped_by is StopReason.LEASE_LOST
    assert bench.in_flight.all() == [newer]
    assert newer.work is not None
    assert not newer.work.done()
    assert bench.slots.busy == 1


async def test_thread_keeps_its_slot_until_it_ends_when_its_attempt_is_stopped(bench: Bench) -> None:
    gate = threading.Event()

    def handle(_: dict[str, Any]) -> None:
        gate.wait(5)

    run = bench.start(handle, timeout_ms=10)
    await ended(run)
    assert bench.failure.error == StopReason.TIMEOUT.value
    assert (bench.stuck, bench.slots.busy) == (1, 1)
    gate.set()
    await eventually(lambda: bench.slots.busy == 0)
    assert bench.stuck == 0


async def test_thread_sees_the_cancelled_flag_when_its_attempt_is_stopped(bench: Bench) -> None:
    def handle(_: dict[str, Any], context: Context) -> None:
        while not context.cancelled:
            threading.Event().wait(0.001)

    await bench.run(handle, timeout_ms=10)
    assert bench.failure.error == StopReason.TIMEOUT.value
    assert bench.stuck == 0


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (StopReason.TIMEOUT, StopReason.TIMEOUT.value),
        (StopReason.CANCELLED, StopReason.CANCELLED.value),
        (StopReason.LEASE_LOST, None),
        (StopReason.DRAIN, None),
    ],
)
async def test_coroutine_keeps_its_slot_until_it_ends_when_it_ignores_its_cancellation(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, reason: StopReason, message: str | None
) -> None:
    monkeypatch.setattr("queueworker.runs.runner.STUCK_AFTER_S", 0.02)
    begun, gate = asyncio.Event(), asyncio.Event()

    async def handle(_: dict[str, Any]) -> str:
        begun.set()
        while not gate.is_set():
            with suppress(asyncio.CancelledError):
                await gate.wait()
        return "too late"

    run = bench.start(handle)
    await begun.wait()
    run.stop(reason)
    await eventually(lambda: bench.stuck == 1)
    assert [failure.error for failure in bench.outcomes.failures] == ([] if message is None else [message])
    assert bench.in_flight.is_running(run) is (reason is StopReason.DRAIN)
    assert bench.slots.busy == 1

    gate.set()
    await ended(run)
    assert (bench.stuck, bench.slots.busy) == (0, 0)
    assert len(bench.outcomes.failures) == (message is not None)
    assert bench.outcomes.successes == []


async def test_progress_is_reported_for_the_lease(bench: Bench) -> None:
    async def handle(_: dict[str, Any], context: Context) -> None:
        context.progress({"done": 1})

    run = bench.start(handle)
    await ended(run)
    assert bench.progress == [(run.lease, b'{"done":1}')]


async def test_slot_is_taken_while_a_handler_runs(bench: Bench) -> None:
    runs = [bench.start(wait_for_ever), bench.start()]
    assert bench.slots.busy == 2
    for run in runs:
        run.stop(StopReason.CANCELLED)
        await ended(run)
    assert bench.slots.busy == 0
