"""Execution of attempts: from a lease to its outcome."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import structlog

from queuecore.domain.task import ArchiveReason, Outcome
from queuecore.observe.tracing import names
from queuecore.observe.tracing.tracer import PASSIVE, Tracer
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.settlement import Failure, Success
from queueworker.handlers.context import WorkerContext
from queueworker.handlers.registry import HandlerRegistry
from queueworker.metrics import WorkerMetrics
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.ports import Executor, OutcomeSink
from queueworker.runs.retry_decision import decide_after_error, decide_after_stop
from queueworker.runs.run import Run, StopReason
from queueworker.runs.slots import Slots
from queueworker.runs.tracing import RELEASED, describe_failure, describe_loss
from taskyard.context import Context
from taskyard.errors import DoNotRetry, Retry
from taskyard.handler import Handler, HandlerKind
from taskyard.lifespan import Lifespan
from taskyard.payloads.codec import Codec
from taskyard.payloads.outcome import encode_result, format_error
from taskyard.retry_decision import RetryDecision

_COMPLETED = Outcome.COMPLETED
"""The lookup of an enum's member costs as much as all other calls of the tracer that is off."""
UNHANDLED_LABEL = "unhandled"
"""Metrics label of task types without a handler: callers may invent any number of them."""

_ANY_PAYLOAD: Codec[Any] = Codec(dict)
_NO_RESULT: Codec[None] = Codec(None)
_NO_LIFESPAN = Lifespan[None]()

STUCK_AFTER_S = 5.0
"""Time for a stopped coroutine to end. Then its attempt is settled without it."""

log = structlog.get_logger()


class Runner:
    """Runs leased tasks and delivers their outcomes.

    Args:
        handlers: the handler of each task type.
        executors: the executor of each kind of handler.
        slots: each running task takes one.
        in_flight: receives each run.
        settler: receives the outcomes.
        metrics: observes durations and counts stuck handlers.
        tracing: begins a span for each attempt.
        report_progress: receives the progress of handlers, as JSON.
        random: returns values in [0, 1), for the jitter of retries.
    """

    def __init__(
        self,
        *,
        handlers: HandlerRegistry,
        executors: dict[HandlerKind, Executor],
        slots: Slots,
        in_flight: InFlightRuns,
        settler: OutcomeSink,
        metrics: WorkerMetrics,
        tracing: Tracer = PASSIVE,
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
        self._logs_debug = log.is_enabled_for(logging.DEBUG)
        self._loop = asyncio.get_running_loop()

    def start(self, lease: Lease) -> None:
        """Start a task. It takes a slot, which is free again when its handler has ended."""
        task = lease.task
        limit_ms, reason = _time_limit(lease)
        handler = self._handlers.get(task.type) or _unhandled(task.type)
        context = WorkerContext(
            task,
            lease.attempt,
            lease.started_at_ms + limit_ms,
            lambda value: self._report_progress(lease, value),
            lease.token,
            handler.lifespan,
        )
        run = Run(lease, handler, context, self._watch_stopped)
        if earlier := self._in_flight.find(task.queue, task.id):
            # Its lease expired while the event loop was blocked, and this worker leased the task again.
            earlier.stop(StopReason.LEASE_LOST)
        self._slots.take()
        self._in_flight.add(run)
        run.work = self._loop.create_task(self._attempt(run, limit_ms, reason))
        if limit_ms == 0:
            run.stop(reason)

    async def _attempt(self, run: Run, limit_ms: int, reason: StopReason) -> None:
        run.span = self._tracing.attempt(run.lease)
        run.started_at = time.monotonic()
        result: object = None
        error: BaseException | None = None
        timer = self._loop.call_later(limit_ms / 1000, run.stop, reason)
        try:
            run.begin()
            result = await self._executors[run.handler.kind].execute(run)
        except asyncio.CancelledError as cancelled:
            # Only Run.stop cancels. A handler that raises CancelledError itself has failed.
            error = cancelled
        except BaseException as raised:  # noqa: BLE001 - any exception of a handler fails its task, not the worker
            error = raised
        finally:
            timer.cancel()
        if run.stuck:
            self._free_stuck_slot(run)
            return
        self._free_slot(run)
        self._end(run, result, error)

    def _watch_stopped(self, run: Run) -> None:
        self._loop.call_later(STUCK_AFTER_S, self._abandon, run)

    def _abandon(self, run: Run) -> None:
        """End the attempt without its coroutine, which has ignored the cancellation and keeps its slot."""
        if run.work is None or run.work.done():
            return
        run.stuck = True
        self._metrics.stuck_threads.inc()
        run.context.logger.warning("handler_stuck", stopped_after_s=STUCK_AFTER_S)
        self._end(run, None, asyncio.CancelledError())

    def _end(self, run: Run, result: object, error: BaseException | None) -> None:
        seconds = time.monotonic() - run.started_at
        self._metrics.task_durations.note((run.lease.task.queue, _metrics_label(run)), seconds, run.span.trace_id)
        self._conclude(run, round(seconds * 1000), result, error)
        run.span.end()

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
            describe_loss(run.span)
        elif run.stopped_by is None:
            self._fail(
                run, run_ms, format_error(error), decide_after_error(run.lease, error, run_ms, self._random), error
            )
        else:
            # Stopped by a drain: the run stays in flight until the drain releases it.
            run.span.set_attribute(names.TASK_OUTCOME, RELEASED)

    def _succeed(self, run: Run, run_ms: int, result: object) -> None:
        value = run.context.result if result is None else result
        try:
            encoded = encode_result(value)
        except DoNotRetry as error:
            self._fail(
                run, run_ms, format_error(error), decide_after_error(run.lease, error, run_ms, self._random), error
            )
        else:
            run.concluded = True
            self._settler.succeed(run, Success(run.lease, run_ms, encoded))
            if self._logs_debug:
                run.context.logger.debug("task_completed", duration_ms=run_ms)
            run.span.set_attribute(names.TASK_OUTCOME, _COMPLETED)

    def _fail_stopped(self, run: Run, run_ms: int, stopped_by: StopReason) -> None:
        self._fail(run, run_ms, stopped_by.value, decide_after_stop(run.lease, stopped_by, run_ms, self._random), None)

    def _fail(self, run: Run, run_ms: int, message: str, decision: RetryDecision, error: BaseException | None) -> None:
        run.concluded = True
        self._settler.fail(
            run, Failure(run.lease, run_ms, message, decision.retry_in_ms, decision.reason, _metrics_label(run))
        )
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
        describe_failure(run.span, decision, message, error, run.stopped_by)


def _metrics_label(run: Run) -> str:
    """The task type as a metrics label."""
    return UNHANDLED_LABEL if run.handler.function is _refuse else run.lease.task.type


def _time_limit(lease: Lease) -> tuple[int, StopReason]:
    """The time limit of the attempt in milliseconds, and the reason to stop it then."""
    task = lease.task
    if task.deadline_at_ms is not None:
        left_ms = max(0, task.deadline_at_ms - lease.started_at_ms)
        if left_ms < task.timeout_ms:
            return left_ms, StopReason.DEADLINE
    return task.timeout_ms, StopReason.TIMEOUT


def _unhandled(task_type: str) -> Handler:
    return Handler(
        task_type=task_type,
        function=_refuse,
        kind=HandlerKind.ASYNC,
        payload=_ANY_PAYLOAD,
        result=_NO_RESULT,
        takes_context=True,
        lifespan=_NO_LIFESPAN,
    )


async def _refuse(_: object, context: Context) -> None:
    raise LookupError(f"this worker has no handler for tasks of type {context.task.type!r}")
