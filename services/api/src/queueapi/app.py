"""Putting the api together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from litestar import Litestar
from litestar.types import ASGIApp
from prometheus_client import CollectorRegistry

from queueapi.batch_submission import BatchSubmitter
from queueapi.body import BodyReader
from queueapi.error_answers import error_handlers
from queueapi.exposition import Exposition
from queueapi.idempotency import Claims
from queueapi.readiness import ReadinessCheck
from queueapi.request_monitor import RequestMonitor
from queueapi.routes.batch import batch_routes
from queueapi.routes.metrics import metrics_routes
from queueapi.routes.probes import probe_routes
from queueapi.routes.queues import queue_routes
from queueapi.routes.schema import schema_routes
from queueapi.routes.tasks import task_routes
from queueapi.routes.workers import worker_routes
from queueapi.settings import ApiSettings
from queueapi.store_deadline import store_deadline
from queueapi.submission import Submitter
from queueapi.task_building import TaskBuilder
from queueapi.task_finding import TaskFinder
from queueapi.type_registry import TypeRegistry
from queuecore.errors import StoreError
from queuecore.observe.metrics import register_process
from queuecore.store.connect import connect
from queuecore.store.control import TaskControl
from queuecore.store.enqueue import Duplicate, Enqueue, Enqueued, Enqueuer
from queuecore.store.idempotency import IdempotencyKeys
from queuecore.store.inspect import TaskReader
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
    registry = CollectorRegistry()
    register_process(registry, "api")
    reader = TaskReader(server)
    registrations = Registry(server)
    types = TypeRegistry(registrations.types, reject_unknown=settings.unknown_types == "reject")
    builder, claims, enqueuer = TaskBuilder(settings), Claims(IdempotencyKeys(server)), Enqueuer(server)
    readiness = ReadinessCheck(server, registry)
    bodies = BodyReader(settings.max_body_bytes, settings.body_timeout_ms / 1000)

    async def enqueue(requests: Sequence[Enqueue]) -> Sequence[Enqueued | Duplicate | StoreError]:
        async with store_deadline():
            return await enqueuer.enqueue(requests)

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        refreshing = asyncio.create_task(types.run(settings.types_refresh_ms / 1000))
        try:
            yield
        finally:
            await monitor.wait_until_idle()
            refreshing.cancel()
            await server.close()

    app = Litestar(
        route_handlers=[
            *task_routes(bodies, Submitter(builder, types, claims, enqueue), TaskFinder(reader), TaskControl(server)),
            *batch_routes(bodies, BatchSubmitter(builder, types, claims, enqueue)),
            *queue_routes(reader, types),
            *worker_routes(registrations),
            *probe_routes(readiness),
            *metrics_routes(Exposition(registry, reader, readiness)),
            *schema_routes(),
        ],
        lifespan=[lifespan],
        exception_handlers=error_handlers(),
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    monitor = RequestMonitor(app, registry)
    return Api(monitor, readiness)
