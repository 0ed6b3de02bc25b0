"""String formats for Schemathesis, which the document cannot describe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import schemathesis
from hypothesis import strategies as st

_PARTS = st.tuples(st.integers(min_value=1, max_value=100_000), st.sampled_from(["ms", "s", "m"]))
_ODD_ONES = st.sampled_from(["1h30m", "1.5h", ".5s", "1s500ms", "100000us"])
_TAKE_ANY_NUMBER = {"payload", "factor", "jitter"}

schemathesis.openapi.format("go-duration", _PARTS.map(lambda part: f"{part[0]}{part[1]}") | _ODD_ONES)


@schemathesis.hook
def filter_body(_context: schemathesis.HookContext, body: Any) -> bool:
    """To JSON Schema 5.0 is an integer. The api refuses it as a number of another type."""
    return not any(isinstance(each, float) and each.is_integer() for each in _values(body))


def _values(body: Any) -> Iterator[Any]:
    match body:
        case dict():
            for name, each in body.items():
                if name not in _TAKE_ANY_NUMBER:
                    yield from _values(each)
        case list():
            for each in body:
                yield from _values(each)
        case _:
            yield body
