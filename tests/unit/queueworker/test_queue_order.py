from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from queueworker.queue_order import StrictOrder, WeightedOrder

weights = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 1_000), min_size=1)
rounds = st.lists(st.tuples(st.integers(1, 300), st.integers(0, 63)), min_size=1, max_size=60)


def serve(order: WeightedOrder, slots: int, times: int) -> Counter[str]:
    """What each queue gets when all of them always have tasks."""
    granted: Counter[str] = Counter()
    for _ in range(times):
        granted.update(dict(order.allocate(slots, order.queues)))
    return granted


def test_weighted_order_divides_slots_by_weight_when_there_are_enough() -> None:
    assert WeightedOrder({"a": 6, "b": 3, "c": 1}).allocate(10, ["a", "b", "c"]) == [("a", 6), ("b", 3), ("c", 1)]


def test_weighted_order_serves_every_queue_by_weight_when_one_slot_is_free_at_a_time() -> None:
    assert serve(WeightedOrder({"a": 6, "b": 3, "c": 1}), slots=1, times=100) == {"a": 60, "b": 30, "c": 10}


def test_weighted_order_gives_all_slots_to_the_queues_that_have_tasks() -> None:
    assert WeightedOrder({"a": 6, "b": 3, "c": 1}).allocate(8, ["b", "c"]) == [("b", 6), ("c", 2)]


def test_weighted_order_keeps_no_debt_when_a_queue_was_empty_for_long() -> None:
    order = WeightedOrder({"a": 1, "b": 1})
    for _ in range(1_000):
        order.allocate(1, ["a"])
    granted = serve(order, slots=1, times=10)
    assert 4 <= granted["a"] <= 6


@given(weights, rounds)
def test_weighted_order_never_grants_more_than_is_free_nor_nothing(
    weights: dict[str, int], rounds: list[tuple[int, int]]
) -> None:
    order = WeightedOrder(weights)
    for slots, mask in rounds:
        candidates = [queue for number, queue in enumerate(order.queues) if mask >> number & 1] or list(order.queues)
        granted = order.allocate(slots, candidates)
        assert 1 <= sum(number for _, number in granted) <= slots
        assert all(number > 0 for _, number in granted)
        assert {queue for queue, _ in granted} <= set(candidates)
        assert len({queue for queue, _ in granted}) == len(granted)


@given(weights, st.lists(st.integers(1, 300), min_size=1, max_size=100))
def test_weighted_order_stays_within_a_few_slots_of_the_weights(weights: dict[str, int], free: list[int]) -> None:
    order = WeightedOrder(weights)
    granted: Counter[str] = Counter()
    for slots in free:
        granted.update(dict(order.allocate(slots, order.queues)))
    assert granted.total() == sum(free)
    for queue, weight in weights.items():
        assert abs(granted[queue] - sum(free) * weight / sum(weights.values())) <= len(weights)


def test_strict_order_gives_everything_to_the_first_queue_that_has_tasks() -> None:
    order = StrictOrder(["high", "low", "lowest"])
    assert order.queues == ["high", "low", "lowest"]
    assert order.allocate(7, ["lowest", "low", "high"]) == [("high", 7)]
    assert order.allocate(7, ["lowest", "low"]) == [("low", 7)]
