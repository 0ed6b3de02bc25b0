from __future__ import annotations

from queueapi.http.budget import SMALL_BODY_BYTES, ByteBudget

_LARGE = SMALL_BODY_BYTES + 1


def test_budget_leaves_a_quarter_to_small_bodies_when_large_ones_have_arrived() -> None:
    budget = ByteBudget(400)

    assert budget.take(300, _LARGE)
    assert not budget.take(1, _LARGE)
    assert budget.take(100, 100)
    assert not budget.take(1, 1)
    assert budget.taken_bytes == 400


def test_budget_has_room_again_when_bytes_are_released() -> None:
    budget = ByteBudget(400)
    assert budget.take(400, 400)

    budget.release(400)

    assert budget.take(300, _LARGE)
