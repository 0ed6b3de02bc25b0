from __future__ import annotations

from datetime import timedelta

import pytest

from queuecore.errors import InvalidField
from taskyard import Retry


@pytest.mark.parametrize(
    ("after", "after_ms"),
    [
        (None, None),
        (0, 0),
        (3, 3_000),
        (0.25, 250),
        ("1m30s", 90_000),
        (timedelta(minutes=2), 120_000),
        (timedelta(seconds=-5), 0),
        (-1, 0),
    ],
)
def test_retry_takes_a_time_in_any_form(after: timedelta | float | str | None, after_ms: int | None) -> None:
    assert Retry(after=after).after_ms == after_ms


def test_retry_says_why() -> None:
    assert str(Retry("the mail server is busy", after=1)) == "the mail server is busy"
    assert str(Retry())


def test_retry_refuses_a_text_that_is_no_duration() -> None:
    with pytest.raises(InvalidField):
        Retry(after="soon")
