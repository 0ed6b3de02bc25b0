"""Output: tables and texts for people, or JSON, one object per line."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from taskyard.cli.exit_code import exit_code_of
from taskyard.cli.rows import Rows, printable
from taskyard.errors import Refused

WIDE = 100_000
"""Width of a table that is not for a terminal: its rows are never folded."""


class Printer:
    """Writes results to stdout and errors to stderr.

    Args:
        as_json: write JSON instead of text.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = _console(stderr=False)
        self.err = _console(stderr=True)

    def json(self, value: Any) -> None:
        """Write one JSON object as a line."""
        sys.stdout.write(f"{msgspec.json.encode(value).decode()}\n")

    def text(self, text: str) -> None:
        """Write a line for people."""
        self.out.print(printable(text), soft_wrap=True)

    def note(self, text: str) -> None:
        """Write a line for people to stderr."""
        self.err.print(printable(text), soft_wrap=True)

    def table(self, rows: Rows, empty: str = "") -> None:
        """Write a table, or a text if it has no rows."""
        if rows.rows:
            self.out.print(make_table(rows))
        elif empty:
            self.note(empty)

    def fields(self, fields: Iterable[tuple[str, str]]) -> None:
        """Write names and values, one pair per line."""
        grid = Table.grid(padding=(0, 2))
        for name, text in fields:
            grid.add_row(name, text)
        self.out.print(grid)

    def error(self, error: Exception) -> None:
        """Write an error to stderr."""
        if not self.as_json:
            self.note(f"taskyard: {error}")
            return
        body: dict[str, Any] = {"error": str(error), "exit_code": int(exit_code_of(error))}
        if isinstance(error, Refused):
            body |= {"code": error.code, "status": error.status, "details": error.details}
        sys.stderr.write(f"{msgspec.json.encode(body).decode()}\n")


def make_table(rows: Rows) -> Table:
    """A table for a terminal."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in rows.headings:
        table.add_column(heading.upper(), justify="right" if heading in rows.numbers else "left", overflow="fold")
    for row in rows.rows:
        table.add_row(*row)
    return table


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    return (
        console
        if console.is_terminal
        else Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=WIDE)
    )
