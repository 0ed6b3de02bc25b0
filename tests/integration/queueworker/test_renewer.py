from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.settlement import Success
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore
from queueworker.handlers.context import WorkerContext
from queueworker.metrics import WorkerMetrics
from queueworker.roles.renewer import Renewer
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run, StopReason
from taskyard.handler import make_handler


async def _nothing() -> None:
    """A handler that ends at once."""


async def _wait() -> None:
    """A handler that never ends."""
    await asyncio.Event().wait()


class Scene:
    """A renewer and its runs in flight."""

    def __init__(self, store: TestStore) -> None:
        self.worker = store.worker()
        self.in_flight = InFlightRuns()
        self.registry = CollectorRegistry()
        metrics = WorkerMetrics(self.registry, 1, lambda: 0)
        self.renewer = Renewer(leases=self.worker.leases, in_flight=self.in_flight, metrics=metrics)

    def hold(self, lease: Lease) -> Run:
        """A run whose handler waits to be stopped."""
        handler = make_handler(lease.task.type, _handle)
        run = Run(lease, handler, WorkerContext(lease.task, lease.attempt, 0, lambda _: None, 1, handler.lifespan))
        run.work = asyncio.ensure_future(_wait())
        self.in_flight.add(run)
        return run

    @property
    def lost(self) -> float | None:
        return self.registry.get_sample_value("taskyard_worker_leases_lost_total")


@pytest.fixture
async def scene(store: TestStore) -> Scene:
    return Scene(store)


async def test_run_is_stopped_and_not_in_flight_when_its_lease_is_lost(store: TestStore, scene: Scene) -> None:
    task = make_task()
    await store.enqueue(task)
    run = scene.hold(await scene.worker.lease_one(task))
    await store.expire_lease(task)
    await store.reclaim()
    assert await scene.renewer.tick()
    assert (scene.lost, run.stopped_by, len(scene.in_flight)) == (1, StopReason.LEASE_LOST, 0)


async def test_lease_of_an_ended_run_is_not_lost_when_its_settle_is_in_flight(store: TestStore, scene: Scene) -> None:
    task = make_task()
    await store.enqueue(task)
    lease = await scene.worker.lease_one(task)
    run = scene.hold(lease)
    run.work = asyncio.ensure_future(_nothing())
    await run.work
    await scene.worker.settlements.complete([Success(lease, 1)])
    assert await scene.renewer.tick()
    assert (scene.lost, run.stopped_by, len(scene.in_flight)) == (0, None, 1)


async def _handle(_: dict[str, object]) -> None: ...
