import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecore.domain.retry import RetryPolicy


def fixed(value: float) -> Callable[[], float]:
    return lambda: value


MIDDLE = fixed(0.5)
"""No jitter either way."""

policies = st.builds(
    RetryPolicy,
    curve=st.sampled_from(["exponential", "linear", "constant"]),
    base_ms=st.integers(0, 10**9),
    factor=st.floats(1, 100),
    max_ms=st.integers(0, 10**12),
    jitter=st.floats(0, 1),
)


@pytest.mark.parametrize(
    ("policy", "delays_ms"),
    [
        (RetryPolicy(), [1_000, 2_000, 4_000, 8_000]),
        (RetryPolicy(factor=1.5), [1_000, 1_500, 2_250, 3_375]),
        (RetryPolicy(max_ms=3_000), [1_000, 2_000, 3_000, 3_000]),
        (RetryPolicy(curve="linear", base_ms=500), [500, 1_000, 1_500, 2_000]),
        (RetryPolicy(curve="constant", base_ms=700), [700, 700, 700, 700]),
    ],
)
def test_delay_follows_the_curve_when_there_is_no_jitter(policy: RetryPolicy, delays_ms: list[int]) -> None:
    assert [policy.delay_ms(number, MIDDLE) for number in range(1, 5)] == delays_ms


@pytest.mark.parametrize(("drawn", "delay_ms"), [(0.0, 800), (0.25, 900), (0.75, 1_100)])
def test_delay_is_scaled_when_there_is_jitter(drawn: float, delay_ms: int) -> None:
    assert RetryPolicy(jitter=0.2).delay_ms(1, fixed(drawn)) == delay_ms


@given(policies, st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_delay_stays_in_bounds_when_retried_very_often(policy: RetryPolicy, number: int, drawn: float) -> None:
    assert 0 <= policy.delay_ms(number, fixed(drawn)) <= policy.max_ms


@given(policies, st.integers(1, 9_999))
def test_delay_does_not_shrink_when_retried_once_more(policy: RetryPolicy, number: int) -> None:
    assert policy.delay_ms(number, MIDDLE) <= policy.delay_ms(number + 1, MIDDLE)


def test_delays_spread_when_many_tasks_fail_together() -> None:
    draw = random.Random(7).random
    delays = [RetryPolicy().delay_ms(1, draw) for _ in range(1_000)]
    assert min(delays) < 810
    assert max(delays) > 1_190
    assert 980 < sum(delays) / len(delays) < 1_020
