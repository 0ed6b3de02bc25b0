from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecore.domain.timestamp import format_rfc3339, parse_rfc3339
from queuecore.errors import InvalidTimestamp

FIRST_MS = -62_135_596_800_000
LAST_MS = 253_402_300_799_999


@pytest.mark.parametrize(
    ("text", "unix_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2024-01-15T10:00:00Z", 1_705_312_800_000),
        ("2024-01-15t10:00:00z", 1_705_312_800_000),
        ("2024-01-15T11:30:00+01:30", 1_705_312_800_000),
        ("2024-01-15T10:00:00-00:00", 1_705_312_800_000),
        ("2024-01-15T10:00:00.1Z", 1_705_312_800_100),
        ("2024-01-15T10:00:00.123999999999999Z", 1_705_312_800_123),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("0001-01-01T00:00:00Z", FIRST_MS),
        ("9999-12-31T23:59:59.999Z", LAST_MS),
    ],
)
def test_moment_is_read_when_rfc_3339_allows_it(text: str, unix_ms: int) -> None:
    assert parse_rfc3339(text) == unix_ms


@pytest.mark.parametrize("text", ["2016-12-31T23:59:60.25Z", "2017-01-01T00:59:60.25+01:00"])
def test_moment_is_the_next_second_when_it_is_a_leap_second(text: str) -> None:
    assert format_rfc3339(parse_rfc3339(text)) == "2017-01-01T00:00:00.250Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1705312800",
        "2024-01-15",
        "2024-01-15T10:00:00",
        "2024-01-15T10:00Z",
        "2024-01-15T10Z",
        "2024-01-15 10:00:00Z",
        "2024-01-15T10:00:00Z\n",
        "2024-01-15T10:00:00.Z",
        "2024-01-15T10:00:00,5Z",
        "2024-01-15T10:00:00+0100",
        "2024-01-15T10:00:00+01",
        "2024-01-15T10:00:00+24:00",
        "2024-01-15T10:00:00+01:60",
        "2024-01-15T24:00:00Z",
        "2024-01-15T10:60:00Z",
        "2024-01-15T10:00:61Z",
        "2024-01-15T10:00:60Z",
        "2023-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "20240115T100000Z",
        "2024-W03-1T10:00:00Z",
        "+2024-01-15T10:00:00Z",
        "\u0662024-01-15T10:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
        "10000-01-01T00:00:00Z",
    ],
)
def test_moment_is_refused_when_it_is_not_strict_rfc_3339(text: str) -> None:
    with pytest.raises(InvalidTimestamp, match="process_at: expected an RFC 3339 time with a zone, such as") as caught:
        parse_rfc3339(text, "process_at")
    assert caught.value.got == text


@pytest.mark.parametrize(
    ("unix_ms", "text"),
    [(0, "1970-01-01T00:00:00Z"), (5, "1970-01-01T00:00:00.005Z"), (-1, "1969-12-31T23:59:59.999Z")],
)
def test_moment_is_written_with_milliseconds_only_when_not_zero(unix_ms: int, text: str) -> None:
    assert format_rfc3339(unix_ms) == text


@given(st.integers(FIRST_MS, LAST_MS))
def test_moment_is_the_same_when_written_and_read_again(unix_ms: int) -> None:
    assert parse_rfc3339(format_rfc3339(unix_ms)) == unix_ms


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)),  # noqa: DTZ001 - the zone is added
    st.integers(-1439, 1439),
)
def test_moment_agrees_with_datetime_when_written_in_any_zone(local: datetime, offset_min: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    expected_ms = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert parse_rfc3339(moment.isoformat()) == expected_ms


@given(st.text())
def test_timestamp_raises_only_its_error_when_the_text_is_arbitrary(text: str) -> None:
    with pytest.raises(InvalidTimestamp):
        parse_rfc3339(text)
