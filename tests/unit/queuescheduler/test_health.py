from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from queuecore.errors import StoreError, StoreUnavailable
from queuecore.observe.probes import LoopHeartbeat
from queuecore.process import StopSignals
from queuescheduler.health import LOOP_STALL_S, Health
from queuescheduler.known_queues import KnownQueues


class FakeScheduler:
    """The state of a scheduler on which its health depends."""

    def __init__(self) -> None:
        self.stalled_s = 0.0
        self.last_error: StoreError | None = None
        self.stop_asked = False

    def health(self) -> Health:
        return Health(
            heartbeat=cast("LoopHeartbeat", SimpleNamespace(stalled_s=lambda: self.stalled_s)),
            queues=cast("KnownQueues", SimpleNamespace(last_error=self.last_error)),
            stop=cast("StopSignals", SimpleNamespace(asked=self.stop_asked)),
        )


@pytest.fixture
def scheduler() -> FakeScheduler:
    return FakeScheduler()


def test_scheduler_is_alive_and_ready_when_all_is_well(scheduler: FakeScheduler) -> None:
    health = scheduler.health()
    assert (health.live(), health.ready()) == (None, None)


def test_scheduler_is_not_alive_when_its_event_loop_is_blocked(scheduler: FakeScheduler) -> None:
    scheduler.stalled_s = LOOP_STALL_S
    assert scheduler.health().live() is None
    scheduler.stalled_s = LOOP_STALL_S + 0.1
    health = scheduler.health()
    assert "event loop" in (health.live() or "")
    assert health.ready() == health.live()


def test_scheduler_is_alive_but_not_ready_when_the_store_is_unreachable(scheduler: FakeScheduler) -> None:
    scheduler.last_error = StoreUnavailable("gone")
    health = scheduler.health()
    assert health.live() is None
    assert "gone" in (health.ready() or "")


def test_scheduler_is_alive_but_not_ready_when_it_stops(scheduler: FakeScheduler) -> None:
    scheduler.stop_asked = True
    health = scheduler.health()
    assert (health.live(), health.ready()) == (None, "stopping")
