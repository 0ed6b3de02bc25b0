from __future__ import annotations

import pytest

from queuestandalone.backoff import MAX_S, RESET_AFTER_S, RestartBackoff


def test_delay_doubles_up_to_the_maximum_when_a_process_keeps_exiting() -> None:
    backoff = RestartBackoff(random=lambda: 1.0)

    assert [backoff.delay_s(0.1) for _ in range(7)] == [1, 2, 4, 8, 16, MAX_S, MAX_S]


@pytest.mark.parametrize(("random", "expected_s"), [(0.0, 0.5), (0.5, 0.75)])
def test_delay_is_at_least_half_when_jitter_shortens_it(random: float, expected_s: float) -> None:
    assert RestartBackoff(random=lambda: random).delay_s(0.1) == expected_s


def test_delay_is_reset_when_the_process_had_a_long_uptime() -> None:
    backoff = RestartBackoff(random=lambda: 1.0)
    for _ in range(4):
        backoff.delay_s(RESET_AFTER_S - 1)

    assert backoff.delay_s(RESET_AFTER_S) == 1
    assert backoff.delay_s(0.1) == 2
