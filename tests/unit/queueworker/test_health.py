from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from queuecore.errors import StoreError, StoreUnavailable
from queuecore.observe.probes import LoopHeartbeat
from queuecore.process import StopSignals
from queueworker import health as health_module
from queueworker.health import LOOP_STALL_S, MAX_MISSED_RENEWALS, Health
from queueworker.roles.registration import Registration
from queueworker.roles.renewer import Renewer


class FakeWorker:
    """The state of a worker on which its health depends."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.stalled_s = 0.0
        self.renewer = SimpleNamespace(last_tick_at=self.now_s, interval_s=5.0)
        self.last_error: StoreError | None = None
        self.stop_asked = False

    def health(self) -> Health:
        return Health(
            heartbeat=cast("LoopHeartbeat", SimpleNamespace(stalled_s=lambda: self.stalled_s)),
            renewer=cast("Renewer", self.renewer),
            registration=cast("Registration", SimpleNamespace(last_error=self.last_error)),
            stop=cast("StopSignals", SimpleNamespace(asked=self.stop_asked)),
        )


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> FakeWorker:
    made = FakeWorker()
    monkeypatch.setattr(health_module, "time", SimpleNamespace(monotonic=lambda: made.now_s))
    return made


def test_worker_is_alive_and_ready_when_all_is_well(worker: FakeWorker) -> None:
    health = worker.health()
    assert (health.live(), health.ready()) == (None, None)


def test_worker_is_not_alive_when_its_event_loop_is_blocked(worker: FakeWorker) -> None:
    worker.stalled_s = LOOP_STALL_S
    assert worker.health().live() is None
    worker.stalled_s = LOOP_STALL_S + 0.1
    health = worker.health()
    assert "event loop" in (health.live() or "")
    assert health.ready() == health.live()


def test_worker_is_not_alive_when_leases_are_not_renewed(worker: FakeWorker) -> None:
    worker.now_s += 5.0 * MAX_MISSED_RENEWALS + LOOP_STALL_S
    assert worker.health().live() is None
    worker.now_s += 0.1
    assert "renewed" in (worker.health().live() or "")


def test_worker_is_alive_but_not_ready_when_the_store_is_unreachable(worker: FakeWorker) -> None:
    worker.last_error = StoreUnavailable("gone")
    health = worker.health()
    assert health.live() is None
    assert "gone" in (health.ready() or "")


def test_worker_is_alive_but_not_ready_when_it_drains(worker: FakeWorker) -> None:
    worker.stop_asked = True
    health = worker.health()
    assert (health.live(), health.ready()) == (None, "draining")
