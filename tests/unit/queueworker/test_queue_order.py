from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from queueworker.queue_order import StrictOrder, WeightedOrder

weights = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 1_000), min_size=1)
rounds = st.lists(st.tuples(st.integers(1, 300), st.integers(0, 63)), min_size=1, max_size=60)


def serve(order: WeightedOrder, slots: int, times: int) -> Counter[str]:
    """Allocations in total while all queues always have tasks."""
    allocated: Counter[str] = Counter()
    for _ in range(times):
        allocated.update(dict(order.allocate(slots, order.queues)))
    return allocated


def test_weighted_order_allocates_by_weight_when_there_are_enough_slots() -> None:
    assert WeightedOrder({"a": 6, "b": 3, "c": 1}).allocate(10, ["a", "b", "c"]) == [("a", 6), ("b", 3), ("c", 1)]


def test_weighted_order_allocates_by_weight_when_one_slot_is_free_at_a_time() -> None:
    assert serve(WeightedOrder({"a": 6, "b": 3, "c": 1}), slots=1, times=100) == {"a": 60, "b": 30, "c": 10}


def test_weighted_order_allocates_all_slots_when_some_queues_are_empty() -> None:
    assert WeightedOrder({"a": 6, "b": 3, "c": 1}).allocate(8, ["b", "c"]) == [("b", 6), ("c", 2)]


def test_weighted_order_carries_no_credit_when_a_queue_was_empty_for_long() -> None:
    order = WeightedOrder({"a": 1, "b": 1})
    for _ in range(1_000):
        order.allocate(1, ["a"])
    allocated = serve(order, slots=1, times=10)
    assert 4 <= allocated["a"] <= 6


@given(weights, rounds)
def test_weighted_order_allocates_at_least_one_slot_and_no_more_than_are_free(
    weights: dict[str, int], rounds: list[tuple[int, int]]
) -> None:
    order = WeightedOrder(weights)
    for slots, mask in rounds:
        candidates = [queue for number, queue in enumerate(order.queues) if mask >> number & 1] or list(order.queues)
        allocated = order.allocate(slots, candidates)
        assert 1 <= sum(number for _, number in allocated) <= slots
        assert all(number > 0 for _, number in allocated)
        assert {queue for queue, _ in allocated} <= set(candidates)
        assert len({queue for queue, _ in allocated}) == len(allocated)


@given(weights, st.lists(st.integers(1, 300), min_size=1, max_size=100))
def test_weighted_order_stays_within_a_few_slots_of_the_weights(weights: dict[str, int], free: list[int]) -> None:
    order = WeightedOrder(weights)
    allocated: Counter[str] = Counter()
    for slots in free:
        allocated.update(dict(order.allocate(slots, order.queues)))
    assert allocated.total() == sum(free)
    for queue, weight in weights.items():
        assert abs(allocated[queue] - sum(free) * weight / sum(weights.values())) <= len(weights)


def test_strict_order_allocates_all_slots_to_the_first_queue_with_tasks() -> None:
    order = StrictOrder(["high", "low", "lowest"])
    assert order.queues == ["high", "low", "lowest"]
    assert order.allocate(7, ["lowest", "low", "high"]) == [("high", 7)]
    assert order.allocate(7, ["lowest", "low"]) == [("low", 7)]
