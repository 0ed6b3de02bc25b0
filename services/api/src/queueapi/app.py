"""Composition root: the API of one process, wired from its settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from litestar import Litestar
from litestar.types import ASGIApp
from prometheus_client import CollectorRegistry

from queueapi.http.body import BodyReader
from queueapi.http.budget import ByteBudget
from queueapi.http.error_responses import error_handlers
from queueapi.http.methods import HeadRequests, OptionsRequests
from queueapi.http.metrics import RequestMetrics
from queueapi.http.store_deadline import StoreDeadline
from queueapi.routes.batch import batch_routes
from queueapi.routes.metrics import metrics_routes
from queueapi.routes.metrics_collector import MetricsCollector
from queueapi.routes.openapi import describe_api
from queueapi.routes.probes import probe_routes
from queueapi.routes.queue_control import queue_control_routes
from queueapi.routes.queues import queue_routes
from queueapi.routes.readiness import ReadinessCheck
from queueapi.routes.schema import schema_routes
from queueapi.routes.task_lookup import TaskLookup
from queueapi.routes.tasks import task_routes
from queueapi.routes.workers import worker_routes
from queueapi.settings import ApiSettings
from queueapi.submission.backpressure import Backpressure
from queueapi.submission.builder import TaskBuilder
from queueapi.submission.claims import IdempotencyClaims
from queueapi.submission.drain_rate import DrainRates
from queueapi.submission.durability import DurabilityMetrics, EnqueueLanes
from queueapi.submission.pipeline import SubmissionPipeline
from queueapi.submission.type_registry import TypeRegistry
from queuecore.observe.metrics.definitions import register_process
from queuecore.observe.metrics.histogram import StoreCalls
from queuecore.observe.tracing.setup import start_tracing
from queuecore.store.client.connect import connect
from queuecore.store.queues.control import QueueControl
from queuecore.store.queues.directory import Directory
from queuecore.store.queues.durability import find_durability_problem
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.queues.overview import OverviewReader
from queuecore.store.queues.reader import QueueReader
from queuecore.store.tasks.control import TaskControl
from queuecore.store.tasks.enqueue import AttemptResult, Enqueue, Enqueuer, EnqueueResult
from queuecore.store.tasks.idempotency import IdempotencyKeys
from queuecore.store.tasks.reader import TaskReader

MAX_CONTROL_BODY_BYTES = 16 * 1024
"""Maximum size of a body that sets limits or settings of a queue."""


class Api(NamedTuple):
    """The API of one process."""

    asgi: ASGIApp
    """The ASGI app; its lifespan opens and closes the connections."""
    readiness: ReadinessCheck


class _RecordedCalls:
    """Enqueues within the deadline of a request, and counts the tasks that were refused."""

    def __init__(self, enqueuer: Enqueuer, backpressure: Backpressure, durability: DurabilityMetrics) -> None:
        self._enqueuer = enqueuer
        self._backpressure = backpressure
        self._durability = durability

    async def enqueue(self, requests: Sequence[Enqueue]) -> Sequence[EnqueueResult]:
        async with StoreDeadline():
            results = await self._enqueuer.enqueue(requests)
        await self._record(requests, results)
        return results

    async def attempt(self, requests: Sequence[Enqueue]) -> Sequence[AttemptResult]:
        async with StoreDeadline():
            results = await self._enqueuer.attempt(requests)
        await self._record(requests, results)
        return results

    async def _record(self, requests: Sequence[Enqueue], results: Sequence[AttemptResult]) -> None:
        self._durability.record(requests, results)
        await self._backpressure.record(results)


def create_api(settings: ApiSettings) -> Api:
    """Wire the API. Nothing is sent to the store before the lifespan begins.

    Raises:
        ConfigError: the settings do not describe a store.
    """
    server = connect(settings.redis)
    server.fail_fast()
    registry = CollectorRegistry()
    register_process(registry, "api")
    server.watch(StoreCalls(registry).note)
    queues = QueueReader(server)
    directory = Directory(server)
    types = TypeRegistry(directory.types, reject_unknown=settings.unknown_types == "reject")
    limits = QueueLimits(settings.queue_max_depth, settings.queue_max_size_bytes, settings.durability)
    durability = DurabilityMetrics(registry)
    enqueuer = Enqueuer(server, limits, settings.idempotency_ttl_ms, durability.note_wait)
    drain_rates = DrainRates()
    backpressure = Backpressure(queues, drain_rates, registry)
    find_problem = partial(find_durability_problem, server)
    readiness = ReadinessCheck(server, registry, partial(find_problem, settings.durability))
    bodies = _body_readers(settings)

    calls = _RecordedCalls(enqueuer, backpressure, durability)
    tracing = start_tracing("api", settings.trace)
    claims = IdempotencyClaims(IdempotencyKeys(server, settings.idempotency_ttl_ms))
    send = EnqueueLanes(calls.attempt, enqueuer.durability).enqueue
    submissions = SubmissionPipeline(
        TaskBuilder(settings), types, claims, backpressure, send, calls.enqueue, settings.task_body_limit_bytes, tracing
    )

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        roles = [
            asyncio.create_task(types.run(settings.types_refresh_ms / 1000)),
            asyncio.create_task(enqueuer.registry.run()),
        ]
        try:
            yield
        finally:
            await request_metrics.wait_until_idle()
            for role in roles:
                role.cancel()
            await server.close()
            await asyncio.to_thread(tracing.stop)

    app = Litestar(
        route_handlers=[
            *task_routes(bodies.task, submissions, TaskLookup(TaskReader(server), queues), TaskControl(server)),
            *batch_routes(bodies.batch, submissions),
            *queue_routes(queues, types),
            *queue_control_routes(bodies.control, queues, QueueControl(server), limits, find_problem),
            *worker_routes(directory),
            *probe_routes(readiness),
            *metrics_routes(MetricsCollector(registry, OverviewReader(server), readiness, limits, drain_rates)),
            *schema_routes(describe_api()),
        ],
        lifespan=[lifespan],
        exception_handlers=error_handlers(),
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    request_metrics = RequestMetrics(HeadRequests(OptionsRequests(app)), registry, tracing)
    return Api(request_metrics, readiness)


class _BodyReaders(NamedTuple):
    task: BodyReader
    batch: BodyReader
    control: BodyReader


def _body_readers(settings: ApiSettings) -> _BodyReaders:
    """The readers of the routes, which share one budget."""
    budget = ByteBudget(settings.in_flight_limit_bytes)
    timeout_s = settings.body_timeout_ms / 1000
    return _BodyReaders(
        BodyReader(settings.task_body_limit_bytes, timeout_s, budget, "TASKYARD_API_MAX_TASK_BODY"),
        BodyReader(settings.max_body_bytes, timeout_s, budget, "TASKYARD_API_MAX_BODY"),
        BodyReader(MAX_CONTROL_BODY_BYTES, timeout_s, budget),
    )
