"""Generator of the chart's README from its template, its values and the services' settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from deploy.chart.settings import BLOCKS
from deploy.chart.values import Leaf, Values


def make_readme(template: str, values: Values) -> str:
    """Render the README."""
    return template.replace("{{ values }}", "\n".join(_values(values))).replace(
        "{{ settings }}", "\n".join(_settings())
    )


def _values(values: Values) -> Iterator[str]:
    for block, leaves in groupby(values.leaves(), key=lambda leaf: leaf.path[0]):
        rows = list(leaves)
        if len(rows) == 1 and len(rows[0].path) == 1:
            yield from _value_table(block, "", rows)
        else:
            yield from _value_table(block, values.heading(block), rows)


def _value_table(block: str, heading: str, rows: Iterable[Leaf]) -> Iterator[str]:
    yield f"### {block}\n"
    if heading:
        yield f"{heading}\n"
    yield from _table(("Value", "Default", "Meaning"), ((_key(row), _code(row.default), row.meaning) for row in rows))


def _settings() -> Iterator[str]:
    for block in BLOCKS:
        yield f"### {'.'.join(block.path)}\n"
        yield from _table(
            ("Key", "Variable", "Default", "Takes", "Meaning"),
            (
                (f"`{key}`", f"`{row.name}`", f"`{row.default}`" if row.default else "", row.takes, row.description)
                for key, row in sorted(block.rows().items())
            ),
        )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _line(head)
    yield _line("---" for _ in head)
    for row in rows:
        yield _line(cell.replace("|", "\\|") for cell in row)
    yield ""


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _key(leaf: Leaf) -> str:
    return f"`{'.'.join(leaf.path)}`"


def _code(value: Any) -> str:
    return f"`{json.dumps(value)}`"
