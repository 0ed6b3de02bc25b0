from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from queuecore.errors import InvalidField
from taskyard import EnqueueOptions, Exponential, Fixed
from taskyard.options import check_options, normalize, write_fields

NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"delay": "5m"}, {"process_at": "2023-11-14T22:18:20Z"}),
        ({"delay": timedelta(milliseconds=500)}, {"process_at": "2023-11-14T22:13:20.500Z"}),
        ({"process_at": datetime(2024, 1, 1, tzinfo=UTC)}, {"process_at": "2024-01-01T00:00:00Z"}),
        (
            {"deadline": datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1)))},
            {"deadline": "2023-12-31T23:00:00Z"},
        ),
        ({"timeout": timedelta(seconds=90)}, {"timeout": "1m30s"}),
        ({"unique": "1h", "unique_key": "ada"}, {"unique": "1h0m0s", "unique_key": "ada"}),
        ({"retention": "0s"}, {"retention": "0s"}),
        ({"metadata": {"a": "b"}, "task_id": "first"}, {"metadata": {"a": "b"}, "task_id": "first"}),
        (
            {"retry": Exponential("2s", factor=3, max="1m", jitter=0)},
            {"retry_policy": {"curve": "exponential", "base": "2s", "factor": 3, "max": "1m0s", "jitter": 0}},
        ),
        (
            {"retry": Fixed("2h")},
            {"retry_policy": {"curve": "constant", "base": "2h0m0s", "factor": 2.0, "max": "2h0m0s", "jitter": 0.0}},
        ),
    ],
)
def test_options_are_written_as_fields_of_a_request(options: dict[str, Any], fields: dict[str, Any]) -> None:
    check_options(options, EnqueueOptions)
    assert write_fields(options, NOW_MS) == fields


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"process_at": datetime(2024, 1, 1)}, "process_at"),  # noqa: DTZ001
        ({"process_at": "2024-01-01T00:00:00Z"}, "process_at"),
        ({"delay": "1m", "process_at": datetime(2024, 1, 1, tzinfo=UTC)}, "either delay or process_at"),
        ({"delay": timedelta(seconds=-1)}, "delay"),
        ({"task_id": "two words"}, "task_id"),
        ({"unique_key": ""}, "unique_key"),
    ],
)
def test_option_of_an_enqueue_is_refused_when_its_value_is_invalid(options: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidField, match=named):
        check_options(options, EnqueueOptions)


@pytest.mark.parametrize(("factor", "jitter"), [(0.5, 0), (1_001, 0), (2, -0.1), (2, 1.1)])
def test_backoff_is_refused_when_a_number_is_out_of_range(factor: float, jitter: float) -> None:
    with pytest.raises(InvalidField):
        Exponential("1s", factor=factor, jitter=jitter)


def test_options_are_equal_once_normalized_when_they_mean_the_same() -> None:
    assert normalize({"delay": "300s", "timeout": "1m"}) == normalize(
        {"delay": timedelta(minutes=5), "timeout": timedelta(seconds=60)}
    )
