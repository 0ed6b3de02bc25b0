from __future__ import annotations

import pytest

from queuestandalone.restart_delay import HEALTHY_AFTER_S, LONGEST_S, RestartDelay


def test_delay_doubles_up_to_the_longest_when_a_process_dies_again_and_again() -> None:
    delay = RestartDelay(random=lambda: 1.0)

    assert [delay.after(0.1) for _ in range(7)] == [1, 2, 4, 8, 16, LONGEST_S, LONGEST_S]


@pytest.mark.parametrize(("random", "expected_s"), [(0.0, 0.5), (0.5, 0.75)])
def test_delay_is_at_least_half_when_jitter_shortens_it(random: float, expected_s: float) -> None:
    assert RestartDelay(random=lambda: random).after(0.1) == expected_s


def test_delay_begins_anew_when_the_process_had_run_well() -> None:
    delay = RestartDelay(random=lambda: 1.0)
    for _ in range(4):
        delay.after(HEALTHY_AFTER_S - 1)

    assert delay.after(HEALTHY_AFTER_S) == 1
    assert delay.after(0.1) == 2
