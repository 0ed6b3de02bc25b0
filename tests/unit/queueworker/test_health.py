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


class Patient:
    """A worker as its health sees it."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.stalled_s = 0.0
        self.renewer = SimpleNamespace(last_tick_at=self.now_s, interval_s=5.0)
        self.last_error: StoreError | None = None
        self.stop_asked = False

    def examine(self) -> Health:
        return Health(
            heartbeat=cast("LoopHeartbeat", SimpleNamespace(stalled_s=lambda: self.stalled_s)),
            renewer=cast("Renewer", self.renewer),
            registration=cast("Registration", SimpleNamespace(last_error=self.last_error)),
            stop=cast("StopSignals", SimpleNamespace(asked=self.stop_asked)),
        )


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Patient:
    made = Patient()
    monkeypatch.setattr(health_module, "time", SimpleNamespace(monotonic=lambda: made.now_s))
    return made


def test_worker_is_alive_and_ready_when_all_is_well(patient: Patient) -> None:
    health = patient.examine()
    assert (health.live(), health.ready()) == (None, None)


def test_worker_is_not_alive_when_its_event_loop_is_blocked(patient: Patient) -> None:
    patient.stalled_s = LOOP_STALL_S
    assert patient.examine().live() is None
    patient.stalled_s = LOOP_STALL_S + 0.1
    health = patient.examine()
    assert "event loop" in (health.live() or "")
    assert health.ready() == health.live()


def test_worker_is_not_alive_when_leases_are_not_renewed(patient: Patient) -> None:
    patient.now_s += 5.0 * MAX_MISSED_RENEWALS + LOOP_STALL_S
    assert patient.examine().live() is None
    patient.now_s += 0.1
    assert "renewed" in (patient.examine().live() or "")


def test_worker_is_alive_but_not_ready_when_the_store_is_away(patient: Patient) -> None:
    patient.last_error = StoreUnavailable("gone")
    health = patient.examine()
    assert health.live() is None
    assert "gone" in (health.ready() or "")


def test_worker_is_alive_but_not_ready_when_it_drains(patient: Patient) -> None:
    patient.stop_asked = True
    health = patient.examine()
    assert (health.live(), health.ready()) == (None, "draining")
