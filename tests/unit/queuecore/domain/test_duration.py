import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecore.domain.duration import (
    MAX_DURATION_MS,
    format_duration,
    parse_duration,
    parse_positive_duration,
)
from queuecore.errors import InvalidDuration


@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [
        ("0", 0),
        ("0s", 0),
        ("30s", 30_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("500ms", 500),
        ("1.5h", 5_400_000),
        (".5s", 500),
        ("1.s", 1_000),
        ("1m1m", 120_000),
        ("1s1h", 3_601_000),
        ("1000000ns", 1),
        ("2500us", 3),
        ("2400\u00b5s", 2),
        ("2400\u03bcs", 2),
        ("0.9ms100us", 1),
        ("876000h", MAX_DURATION_MS),
    ],
)
def test_duration_is_read_when_go_would_read_it(text: str, duration_ms: int) -> None:
    assert parse_duration(text) == duration_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        ".s",
        "5 s",
        " 5s",
        "5s ",
        "5s\n",
        "5S",
        "5d",
        "+5s",
        "1,5s",
        "1e3s",
        "\u0663s",
        "00",
        "5s3",
        "0x1s",
    ],
)
def test_duration_is_refused_when_its_form_is_wrong(text: str) -> None:
    with pytest.raises(InvalidDuration, match="timeout: expected a duration such as 30s") as caught:
        parse_duration(text, "timeout")
    assert caught.value.got == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-5s", "not negative"),
        ("999us", "at least 1ms"),
        ("1ns", "at least 1ms"),
        ("876000h1ms", "at most 100 years"),
        ("9" * 60 + "h", "at most 100 years"),
        ("1" * 5_000 + "s", "a duration such as"),
    ],
)
def test_duration_is_refused_with_the_reason_when_it_is_out_of_range(text: str, reason: str) -> None:
    with pytest.raises(InvalidDuration, match=reason):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0", "0s", "0h0m"])
def test_positive_duration_is_refused_when_zero(text: str) -> None:
    with pytest.raises(InvalidDuration, match="window: expected a duration longer than zero"):
        parse_positive_duration(text, "window")


def test_positive_duration_is_read_when_above_zero() -> None:
    assert parse_positive_duration("1ms") == 1


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (999, "999ms"),
        (1_000, "1s"),
        (1_500, "1.5s"),
        (10_010, "10.01s"),
        (30_000, "30s"),
        (60_000, "1m0s"),
        (90_500, "1m30.5s"),
        (3_600_000, "1h0m0s"),
        (5_400_001, "1h30m0.001s"),
    ],
)
def test_duration_is_written_as_go_writes_it(duration_ms: int, text: str) -> None:
    assert format_duration(duration_ms) == text


@given(st.integers(0, MAX_DURATION_MS))
def test_duration_is_the_same_when_written_and_read_again(duration_ms: int) -> None:
    assert parse_duration(format_duration(duration_ms)) == duration_ms


@given(st.text())
def test_duration_raises_only_its_error_when_the_text_is_arbitrary(text: str) -> None:
    try:
        duration_ms = parse_duration(text)
    except InvalidDuration:
        return
    assert 0 <= duration_ms <= MAX_DURATION_MS
