from __future__ import annotations

from queuecore.domain.backoff import FIRST_S, LONGEST_S, Backoff


def test_backoff_doubles_up_to_a_bound() -> None:
    backoff = Backoff(lambda: 0.999999)
    waits = [round(backoff.fail(), 3) for _ in range(8)]
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, LONGEST_S, LONGEST_S, LONGEST_S]


def test_backoff_is_cut_by_half_at_most_when_chance_wants_it() -> None:
    backoff = Backoff(lambda: 0.0)
    assert backoff.fail() == FIRST_S / 2


def test_backoff_starts_anew_after_a_success() -> None:
    backoff = Backoff(lambda: 0.0)
    first = backoff.fail()
    backoff.fail()
    backoff.succeed()
    assert backoff.fail() == first


def test_another_backoff_knows_nothing_of_the_failures() -> None:
    backoff = Backoff(lambda: 0.0)
    first = backoff.fail()
    assert backoff.another().fail() == first
