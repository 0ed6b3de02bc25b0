"""Putting the api together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from litestar import Litestar
from litestar.types import ASGIApp
from prometheus_client import CollectorRegistry

from queueapi.admission import Admission
from queueapi.batch_submission import BatchSubmitter
from queueapi.body import BodyReader
from queueapi.coalescer import EnqueueCall, EnqueueCoalescer, SendCall
from queueapi.drain_rate import DrainRates
from queueapi.error_answers import error_handlers
from queueapi.exposition import Exposition
from queueapi.head_requests import HeadRequests
from queueapi.idempotency import Claims
from queueapi.options_requests import OptionsRequests
from queueapi.readiness import ReadinessCheck
from queueapi.request_monitor import RequestMonitor
from queueapi.request_tracing import RequestTracing
from queueapi.routes.batch import batch_routes
from queueapi.routes.metrics import metrics_routes
from queueapi.routes.probes import probe_routes
from queueapi.routes.queue_control import queue_control_routes
from queueapi.routes.queues import queue_routes
from queueapi.routes.schema import schema_routes
from queueapi.routes.tasks import task_routes
from queueapi.routes.workers import worker_routes
from queueapi.send_tracing import SendTracing
from queueapi.settings import ApiSettings
from queueapi.store_deadline import store_deadline
from queueapi.submission import Submitter
from queueapi.task_building import TaskBuilder
from queueapi.task_finding import TaskFinder
from queueapi.type_registry import TypeRegistry
from queuecore.observe.durations import StoreCalls
from queuecore.observe.metrics import register_process
from queuecore.observe.tracing import start_tracing
from queuecore.store.connect import connect
from queuecore.store.control import TaskControl
from queuecore.store.enqueue import Answer, Enqueue, Enqueuer
from queuecore.store.idempotency import IdempotencyKeys
from queuecore.store.inspect import TaskReader
from queuecore.store.limits import QueueLimits
from queuecore.store.overview import OverviewReader
from queuecore.store.queue_control import QueueControl
from queuecore.store.registry import Registry


class Api(NamedTuple):
    """The api of one process."""

    asgi: ASGIApp
    """What a server runs; opens and closes what it needs by ASGI's lifespan."""
    readiness: ReadinessCheck


def create_api(settings: ApiSettings) -> Api:
    """Put the api together. Nothing is sent to the store before the lifespan begins.

    Raises:
        ConfigError: the settings name no store that can be connected to.
    """
    server = connect(settings.redis)
    server.fail_fast()
    registry = CollectorRegistry()
    register_process(registry, "api")
    server.watch(StoreCalls(registry).note)
    reader = TaskReader(server)
    registrations = Registry(server)
    types = TypeRegistry(registrations.types, reject_unknown=settings.unknown_types == "reject")
    builder, claims = TaskBuilder(settings), Claims(IdempotencyKeys(server))
    limits = QueueLimits(settings.queue_max_depth, settings.queue_max_size_bytes)
    enqueuer = Enqueuer(server, limits)
    drain_rates = DrainRates()
    admission = Admission(reader, drain_rates, registry)
    readiness = ReadinessCheck(server, registry)
    bodies = BodyReader(settings.max_body_bytes, settings.body_timeout_ms / 1000)

    async def enqueue(requests: Sequence[Enqueue]) -> Sequence[Answer]:
        async with store_deadline():
            answers = await enqueuer.enqueue(requests)
        await admission.note(answers)
        return answers

    tracing = start_tracing("api", settings.trace)
    send: SendCall = EnqueueCoalescer(enqueue).enqueue
    send_many: EnqueueCall = enqueue
    if tracing:
        sends = SendTracing(tracing)
        send, send_many = sends.one(send), sends.many(send_many)

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        refreshing = asyncio.create_task(types.run(settings.types_refresh_ms / 1000))
        try:
            yield
        finally:
            await monitor.wait_until_idle()
            refreshing.cancel()
            await server.close()
            if tracing:
                await asyncio.to_thread(tracing.stop)

    app = Litestar(
        route_handlers=[
            *task_routes(
                bodies, Submitter(builder, types, claims, send, admission), TaskFinder(reader), TaskControl(server)
            ),
            *batch_routes(bodies, BatchSubmitter(builder, types, claims, send_many, admission)),
            *queue_routes(reader, types),
            *queue_control_routes(bodies, reader, QueueControl(server), limits),
            *worker_routes(registrations),
            *probe_routes(readiness),
            *metrics_routes(Exposition(registry, OverviewReader(server), readiness, limits, drain_rates)),
            *schema_routes(),
        ],
        lifespan=[lifespan],
        exception_handlers=error_handlers(),
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    monitor = RequestMonitor(HeadRequests(OptionsRequests(app)), registry)
    return Api(RequestTracing(monitor, tracing) if tracing else monitor, readiness)
