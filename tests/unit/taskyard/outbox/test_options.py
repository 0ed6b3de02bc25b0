from __future__ import annotations

import pytest

from queuecore.errors import InvalidField
from taskyard.outbox import RelayOptions


def test_options_are_in_ms() -> None:
    options = RelayOptions(poll="250ms", timeout="2s", claim="3s", retention="0s")
    assert (options.poll_s, options.timeout_ms, options.claim_ms, options.retention_ms) == (0.25, 2_000, 3_000, 0)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"batch": 0}, "batch"),
        ({"batch": 501}, "batch"),
        ({"poll": "0s"}, "poll"),
        ({"timeout": "0s"}, "timeout"),
        ({"retention": "soon"}, "retention"),
        ({"timeout": "1m", "claim": "1m"}, "claim"),
    ],
)
def test_options_are_refused_when_out_of_range(options: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidField, match=named):
        RelayOptions(**options)  # type: ignore[arg-type]
