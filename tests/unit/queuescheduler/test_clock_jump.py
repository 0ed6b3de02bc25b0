from __future__ import annotations

import pytest

from queuescheduler.reclaim.clock_jump import MAX_GRACE_MS, MIN_JUMP_MS, ServerClock

START_MS = 1_700_000_000_000


class Scene:
    """A server's clock that is read over calls of 10 ms."""

    def __init__(self) -> None:
        self.clock = ServerClock()
        self.local_s = 50.0
        self.now_ms = START_MS
        self.pass_s(0)

    def pass_s(self, seconds: float, jump_ms: int = 0) -> None:
        """Let time pass on both clocks, let the server's jump, and read it."""
        self.local_s += seconds
        self.now_ms += round(seconds * 1000) + jump_ms
        self.clock.observe(self.now_ms, self.local_s - 0.005, self.local_s + 0.005)

    def is_reclaimed(self, expires_at_ms: int) -> bool:
        return self.clock.has_expired(expires_at_ms, self.now_ms)


def test_lease_expires_at_its_time_when_the_clock_does_not_jump() -> None:
    scene = Scene()
    for _ in range(20):
        scene.pass_s(1)
    assert scene.is_reclaimed(scene.now_ms)
    assert not scene.is_reclaimed(scene.now_ms + 1)


@pytest.mark.parametrize("jump_ms", [MIN_JUMP_MS + 20, 30_000])
def test_lease_lasts_as_much_longer_as_the_clock_has_jumped(jump_ms: int) -> None:
    scene = Scene()
    expires_at_ms = scene.now_ms + 15_000
    scene.pass_s(1, jump_ms)
    scene.pass_s(13)
    assert not scene.is_reclaimed(expires_at_ms)
    scene.pass_s(1.1)
    assert scene.is_reclaimed(expires_at_ms)


def test_lease_lasts_longer_by_the_sum_when_the_clock_jumps_twice() -> None:
    scene = Scene()
    expires_at_ms = scene.now_ms + 15_000
    scene.pass_s(1, 10_000)
    scene.pass_s(1, 20_000)
    scene.pass_s(12.9)
    assert not scene.is_reclaimed(expires_at_ms)
    scene.pass_s(0.2)
    assert scene.is_reclaimed(expires_at_ms)


def test_grace_is_bounded_when_the_clock_jumps_by_a_year() -> None:
    scene = Scene()
    expires_at_ms = scene.now_ms + 2 * MAX_GRACE_MS
    scene.pass_s(1, 365 * 24 * 3_600_000)
    scene.pass_s(MAX_GRACE_MS / 1000 - 1)
    assert not scene.is_reclaimed(expires_at_ms)
    scene.pass_s(1)
    assert scene.is_reclaimed(expires_at_ms)


def test_later_lease_expires_at_its_time_when_the_jump_is_long_ago() -> None:
    scene = Scene()
    scene.pass_s(1, 30_000)
    scene.pass_s(MAX_GRACE_MS / 1000)
    assert scene.is_reclaimed(scene.now_ms)


def test_lease_expires_at_its_time_when_the_clock_was_set_back_again() -> None:
    scene = Scene()
    scene.pass_s(1, 30_000)
    scene.pass_s(1, -30_000)
    assert scene.is_reclaimed(scene.now_ms)


def test_slow_call_is_no_jump() -> None:
    scene = Scene()
    scene.clock.observe(scene.now_ms + 20_000, scene.local_s, scene.local_s + 20)
    assert scene.is_reclaimed(scene.now_ms)
