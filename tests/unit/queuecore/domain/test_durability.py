import re

import pytest

from queuecore.domain.durability import (
    DURABILITY_PATTERN,
    FSYNC,
    MEMORY,
    Durability,
    InvalidDurability,
    parse_durability,
)


@pytest.mark.parametrize(
    ("text", "durability"),
    [
        ("memory", MEMORY),
        ("fsync", FSYNC),
        ("replicas:1", Durability("replicas", 1)),
        ("replicas:99", Durability("replicas", 99)),
    ],
)
def test_durability_is_the_same_when_written_and_read_again(text: str, durability: Durability) -> None:
    assert parse_durability(text) == durability
    assert str(durability) == text
    assert re.fullmatch(DURABILITY_PATTERN, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Memory",
        "disk",
        "replicas",
        "replicas:",
        "replicas:0",
        "replicas:01",
        "replicas:100",
        "replicas:1.5",
        "replicas: 1",
        "replicas:\u0661",
        "memory:1",
        "fsync\n",
    ],
)
def test_durability_is_refused_when_its_form_is_wrong(text: str) -> None:
    expected = "level: expected memory, fsync or replicas:N with N from 1 to 99, got"
    with pytest.raises(InvalidDurability, match=expected):
        parse_durability(text, "level")
    assert re.fullmatch(DURABILITY_PATTERN, text) is None
