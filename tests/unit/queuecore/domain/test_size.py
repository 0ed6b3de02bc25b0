import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecore.domain.size import format_size, parse_size
from queuecore.errors import InvalidField


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1048576", 1_048_576),
        ("12B", 12),
        ("1Ki", 1_024),
        ("1MiB", 1_048_576),
        ("2GiB", 2_147_483_648),
        ("1kB", 1_000),
        ("3MB", 3_000_000),
    ],
)
def test_size_is_read_when_its_form_is_right(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "B", "-1", "1.5MiB", "1 MiB", "1M", "1XB", "1mib", "9" * 16, "\u0661", "1\n"])
def test_size_is_refused_when_its_form_is_wrong(text: str) -> None:
    with pytest.raises(InvalidField, match="body: expected a size such as 1MiB"):
        parse_size(text, "body")


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (1_500, "1500B"), (1_024, "1KiB"), (1_572_864, "1536KiB"), (2**40, "1TiB")]
)
def test_size_is_written_with_the_largest_unit_that_fits(size: int, text: str) -> None:
    assert format_size(size) == text


@given(st.integers(0, 10**15 - 1))
def test_size_is_the_same_when_written_and_read_again(size: int) -> None:
    assert parse_size(format_size(size)) == size
