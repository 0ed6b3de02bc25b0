from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import ReadOnlyError

from queuecore.errors import StoreFull, StoreUnavailable, TaskNotFound
from queuecore.store.client.circuit_breaker import PAUSE_S, CircuitBreaker


class Scene:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.breaker = CircuitBreaker(clock=lambda: self.now_s)

    def admits(self) -> bool:
        try:
            self.breaker.admit()
        except StoreUnavailable:
            return False
        return True

    def call(self, error: BaseException | None) -> None:
        assert self.admits()
        self.breaker.note(error)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def told_by_the_server() -> StoreUnavailable:
    error = StoreUnavailable()
    error.__cause__ = ReadOnlyError("READONLY")
    return error


@pytest.mark.parametrize(
    "error", [None, StoreFull(), TaskNotFound(), told_by_the_server(), asyncio.CancelledError(), ValueError()]
)
def test_calls_pass_when_the_store_answers_or_callers_give_up(scene: Scene, error: BaseException | None) -> None:
    scene.call(error)
    assert scene.admits()


def test_calls_are_refused_during_the_pause_when_one_has_failed(scene: Scene) -> None:
    scene.call(StoreUnavailable())
    scene.now_s += PAUSE_S / 2
    assert not scene.admits()
    scene.now_s += PAUSE_S
    assert scene.admits()


def test_one_call_alone_is_let_through_when_the_moment_is_over(scene: Scene) -> None:
    scene.call(StoreUnavailable())
    scene.now_s += PAUSE_S
    assert [scene.admits() for _ in range(3)] == [True, False, False]


def test_all_calls_pass_when_that_one_was_answered(scene: Scene) -> None:
    scene.call(StoreUnavailable())
    scene.now_s += PAUSE_S
    scene.call(None)
    assert [scene.admits() for _ in range(3)] == [True, True, True]


@pytest.mark.parametrize("error", [StoreUnavailable(), asyncio.CancelledError()])
def test_next_pause_begins_when_the_probe_has_failed(scene: Scene, error: BaseException) -> None:
    scene.call(StoreUnavailable())
    scene.now_s += PAUSE_S
    scene.call(error)
    assert not scene.admits()
    scene.now_s += PAUSE_S
    assert scene.admits()


def test_calls_pass_when_one_that_was_under_way_is_answered_after_all(scene: Scene) -> None:
    assert [scene.admits(), scene.admits()] == [True, True]
    scene.breaker.note(StoreUnavailable())
    scene.breaker.note(None)
    assert scene.admits()
