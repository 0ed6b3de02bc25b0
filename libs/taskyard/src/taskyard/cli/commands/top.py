"""``taskyard top``: queues and workers, refreshed until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from typing import Annotated, NamedTuple

import typer
from rich.console import Group
from rich.live import Live

from taskyard.cli.api import WorkerInfo
from taskyard.cli.printer import make_table
from taskyard.cli.rows import queue_rows, worker_rows
from taskyard.cli.session import Session
from taskyard.views import QueueStats


def top(
    session: Session,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between refreshes.")] = 2.0,
    refreshes: Annotated[int | None, typer.Option(min=1, help="End after so many; without it, at Ctrl-C.")] = None,
) -> None:
    """Show queues and workers live."""
    printer = session.printer
    # The first reading comes before the screen is cleared: its errors stay visible.
    reading = _read(session)
    with _live(session) as live:
        for number in count(1):
            if printer.as_json:
                printer.json({"queues": list(reading.queues.values()), "workers": reading.workers})
            elif live is None:
                printer.out.print(reading.view())
            else:
                live.update(reading.view(), refresh=True)
            if number == refreshes:
                return
            time.sleep(interval)
            reading = _read(session)


class _Reading(NamedTuple):
    queues: Mapping[str, QueueStats]
    workers: Sequence[WorkerInfo]

    def view(self) -> Group:
        return Group(make_table(queue_rows(self.queues)), "", make_table(worker_rows(self.workers)))


def _read(session: Session) -> _Reading:
    return _Reading(session.client.stats(), session.api.workers())


def _live(session: Session) -> AbstractContextManager[Live | None]:
    """A screen of its own on a terminal, else none."""
    printer = session.printer
    if printer.as_json or not printer.out.is_terminal:
        return nullcontext()
    return Live(console=printer.out, screen=True, auto_refresh=False)
