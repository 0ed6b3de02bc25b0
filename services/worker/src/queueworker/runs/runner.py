"""Runs leased tasks: one attempt each, from its start to its outcome."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from queuecore.domain.task import ArchiveReason
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.settlement import Failure, Success
from queueworker.handlers.context import TaskContext
from queueworker.handlers.errors import DoNotRetry, Retry
from queueworker.handlers.registry import Handler, Handlers, Kind
from queueworker.handlers.results import describe_error, encode_result
from queueworker.metrics import WorkerMetrics
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.retry_decision import RetryDecision, decide_after_error, decide_after_stop
from queueworker.runs.run import Run, StopReason
from queueworker.runs.slots import Slots
from queueworker.runs.tracing import AttemptTracing, end_completed, end_failed, end_lost, end_released

UNHANDLED_LABEL = "unhandled"
"""Stands in metrics for types that this worker has no handler for, whoever made them up."""

log = structlog.get_logger()


class Executor(Protocol):
    """Runs the handlers of one :class:`~queueworker.handlers.registry.Kind`."""

    def close(self) -> None:
        """Let go of threads and processes."""

    async def execute(self, run: Run) -> object:
        """Run the handler; what it returns. Cancelling this stops the handler, as far as it can be stopped."""


class Settler(Protocol):
    """Delivers outcomes to the store; see :class:`queueworker.roles.settler.Settler`."""

    def succeed(self, run: Run, success: Success) -> None:
        """Deliver the success of a run."""

    def fail(self, run: Run, failure: Failure) -> None:
        """Deliver the failure of a run."""


class Runner:
    """Starts leased tasks and reports their outcomes.

    Args:
        handlers: what runs each type.
        executors: how each kind of handler is run.
        slots: one is taken per task.
        in_flight: learns of each run.
        settler: takes the outcomes.
        metrics: counts handlers that cannot be stopped.
        tracing: makes a span of each attempt; ``None`` when tracing is off.
        report_progress: takes what handlers report.
        random: for the jitter of retries.
    """

    def __init__(
        self,
        *,
        handlers: Handlers,
        executors: dict[Kind, Executor],
        slots: Slots,
        in_flight: InFlightRuns,
        settler: Settler,
        metrics: WorkerMetrics,
        tracing: AttemptTracing | None = None,
        report_progress: Callable[[Lease, bytes], None],
        random: Callable[[], float],
    ) -> None:
        self._handlers = handlers
        self._executors = executors
        self._slots = slots
        self._in_flight = in_flight
        self._settler = settler
        self._metrics = metrics
        self._tracing = tracing
        self._report_progress = report_progress
        self._random = random
        self._tells_all = log.is_enabled_for(logging.DEBUG)
        self._loop = asyncio.get_running_loop()

    def start(self, lease: Lease) -> None:
        """Begin to run a task. Takes a slot, which is given back when nothing of the task runs any more."""
        task = lease.task
        limit_ms, reason = _time_limit(lease)
        context = TaskContext(
            task,
            lease.attempt,
            lease.started_at_ms + limit_ms,
            lambda value: self._report_progress(lease, value),
        )
        handler = self._handlers.get(task.type) or _unhandled(task.type)
        run = Run(lease, handler, context)
        if earlier := self._in_flight.find(task.queue, task.id):
            # Its lease lapsed while the event loop was blocked, and the task came back to us.
            earlier.stop(StopReason.LEASE_LOST)
        self._slots.take()
        self._in_flight.add(run)
        run.work = self._loop.create_task(self._attempt(run, limit_ms, reason))
        if limit_ms == 0:
            run.stop(reason)

    async def _attempt(self, run: Run, limit_ms: int, reason: StopReason) -> None:
        if self._tracing is not None:
            run.span = self._tracing.begin(run.lease)
        began = time.monotonic()
        result: object = None
        error: BaseException | None = None
        timer = self._loop.call_later(limit_ms / 1000, run.stop, reason)
        try:
            run.begin()
            result = await self._executors[run.handler.kind].execute(run)
        except asyncio.CancelledError as cancelled:
            # Only Run.stop cancels; a handler that raises it by itself has simply failed.
            error = cancelled
        except BaseException as raised:  # noqa: BLE001 - whatever a handler raises is its task's failure, not ours
            error = raised
        finally:
            timer.cancel()
        seconds = time.monotonic() - began
        trace_id = None if run.span is None else run.span.trace_id
        self._metrics.task_durations.note((run.lease.task.queue, _label(run)), seconds, trace_id)
        run_ms = round(seconds * 1000)
        self._free_slot(run)
        self._conclude(run, run_ms, result, error)

    def _free_slot(self, run: Run) -> None:
        if run.slot_taken_until is None or run.slot_taken_until.done():
            self._slots.give_back()
        else:
            self._metrics.stuck_threads.inc()
            run.slot_taken_until.add_done_callback(self._free_stuck_slot)

    def _free_stuck_slot(self, _: object) -> None:
        self._metrics.stuck_threads.dec()
        self._slots.give_back()

    def _conclude(self, run: Run, run_ms: int, result: object, error: BaseException | None) -> None:
        if run.stopped_by in (StopReason.TIMEOUT, StopReason.DEADLINE):
            self._fail_stopped(run, run_ms, run.stopped_by)
        elif error is None:
            self._succeed(run, run_ms, result)
        elif run.stopped_by is StopReason.CANCELLED:
            self._fail_stopped(run, run_ms, run.stopped_by)
        elif run.stopped_by is StopReason.LEASE_LOST:
            self._in_flight.drop(run)
            if run.span is not None:
                end_lost(run.span)
        elif run.stopped_by is None:
            self._fail(
                run, run_ms, describe_error(error), decide_after_error(run.lease, error, run_ms, self._random), error
            )
        elif run.span is not None:
            # Stopped by a drain: it stays held, and the drain releases it.
            end_released(run.span)

    def _succeed(self, run: Run, run_ms: int, result: object) -> None:
        value = run.context.result if result is None else result
        try:
            encoded = encode_result(value)
        except DoNotRetry as error:
            self._fail(
                run, run_ms, describe_error(error), decide_after_error(run.lease, error, run_ms, self._random), error
            )
        else:
            self._settler.succeed(run, Success(run.lease, run_ms, encoded))
            if self._tells_all:
                run.context.logger.debug("task_completed", duration_ms=run_ms)
            if run.span is not None:
                end_completed(run.span)

    def _fail_stopped(self, run: Run, run_ms: int, stopped_by: StopReason) -> None:
        self._fail(run, run_ms, stopped_by.value, decide_after_stop(run.lease, stopped_by, run_ms, self._random), None)

    def _fail(self, run: Run, run_ms: int, message: str, decision: RetryDecision, error: BaseException | None) -> None:
        self._settler.fail(run, Failure(run.lease, run_ms, message, decision.retry_in_ms, decision.reason, _label(run)))
        cancelled = decision.reason is ArchiveReason.CANCELLED
        log = run.context.logger
        (log.info if cancelled else log.warning)(
            "task_cancelled" if cancelled else "task_failed",
            error=message,
            duration_ms=run_ms,
            retry_in_ms=decision.retry_in_ms,
            reason=decision.reason,
            exc_info=error if not isinstance(error, (Retry, DoNotRetry)) else None,
        )
        if run.span is not None:
            end_failed(run.span, decision, message, error, run.stopped_by)


def _label(run: Run) -> str:
    """The type as metrics name it."""
    return UNHANDLED_LABEL if run.handler.function is _refuse else run.lease.task.type


def _time_limit(lease: Lease) -> tuple[int, StopReason]:
    """How long the attempt may take, and which limit that is."""
    task = lease.task
    if task.deadline_at_ms is not None:
        left_ms = max(0, task.deadline_at_ms - lease.started_at_ms)
        if left_ms < task.timeout_ms:
            return left_ms, StopReason.DEADLINE
    return task.timeout_ms, StopReason.TIMEOUT


def _unhandled(task_type: str) -> Handler:
    return Handler(task_type, _refuse, Kind.ASYNC, dict, takes_context=True)


async def _refuse(_: object, context: TaskContext) -> None:
    raise LookupError(f"this worker has no handler for tasks of type {context.task.type!r}")
