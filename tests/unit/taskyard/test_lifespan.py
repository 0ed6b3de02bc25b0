from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from taskyard import StateUnavailable
from taskyard.lifespan import Lifespan


class Recorder:
    """A lifespan function that records its phases."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    async def __call__(self) -> AsyncGenerator[str, None]:
        self.phases.append("start")
        yield f"state {self.phases.count('start')}"
        self.phases.append("stop")


async def test_state_exists_from_enter_to_exit() -> None:
    recorder = Recorder()
    lifespan = Lifespan(recorder.__call__)
    await lifespan.enter()
    await lifespan.enter()
    assert (lifespan.state, recorder.phases) == ("state 1", ["start"])
    await lifespan.exit()
    await lifespan.exit()
    assert recorder.phases == ["start", "stop"]
    with pytest.raises(StateUnavailable, match="process=True"):
        _ = lifespan.state


async def test_state_does_not_exist_when_the_lifespan_fails() -> None:
    async def fail() -> AsyncGenerator[str, None]:
        yield str(int("no number"))

    lifespan = Lifespan(fail)
    with pytest.raises(ValueError, match="no number"):
        await lifespan.enter()
    with pytest.raises(StateUnavailable):
        _ = lifespan.state


async def test_fresh_lifespan_has_a_state_of_its_own() -> None:
    first = Lifespan(Recorder().__call__)
    second = first.fresh()
    await first.enter()
    await second.enter()
    assert (first.state, second.state) == ("state 1", "state 2")
    await first.exit()
    assert second.state == "state 2"
    await second.exit()


def test_state_is_none_when_the_app_has_no_lifespan() -> None:
    assert Lifespan[None]().state is None


def test_state_is_the_given_one_when_a_test_provides_it() -> None:
    assert Lifespan.of(7).state == 7
