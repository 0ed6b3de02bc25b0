"""Generates ``docs/configuration.md`` from the settings of all services: ``make docs``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from queueapi import settings as api
from queuecontroller import settings as controller
from queuecore.settings.loader import VariableRow, describe
from queuescheduler import settings as scheduler
from queuestandalone import settings as standalone
from queueworker import settings as worker
from taskyard.client import connection
from taskyard.outbox import RelayOptions
from taskyard.outbox import command as relay

TARGET = Path(__file__).with_name("configuration.md")

HEAD = """\
# Configuration

For operators and developers who set environment variables. The page lists every variable of every service with its
values and default.

Environment variables are the only configuration. A process with an invalid or unknown variable exits at startup with
code 2 and logs one line per error with the accepted values. An empty variable counts as unset. Durations are written
as `30s`, `5m`, `1h30m` or `500ms`, sizes as `64KiB` or `1MiB`. Each secret can be read from a file: append `_FILE` to
the variable's name and set it to the path. `taskyard-api --help` and the `--help` of every other command list its
variables.

`make docs` generates this page from the settings in the code.
"""

SERVICES: list[tuple[str, type[msgspec.Struct], str]] = [
    ("API", api.ApiSettings, api.PREFIX),
    ("scheduler", scheduler.SchedulerSettings, scheduler.PREFIX),
    ("worker", worker.WorkerSettings, worker.PREFIX),
    ("controller", controller.ControllerSettings, controller.PREFIX),
    ("`make run`", standalone.StandaloneSettings, standalone.PREFIX),
]

CLIENT = [
    VariableRow(connection.URL, "a URL such as http://taskyard-api:8080", "", "Address of the API."),
    VariableRow(connection.TOKEN, "a string", "", "Token for the API."),
    VariableRow(connection.TOKEN_FILE, "a path", "", "A file that holds the token; read again when it changes."),
]

OUTBOX = [
    VariableRow(
        relay.DATABASE_URL, "a URL such as postgresql+psycopg://user@host/name", "", "Database with the outbox."
    ),
    *(
        VariableRow(f"{relay.PREFIX}{name.upper()}", takes, str(getattr(RelayOptions(), name)), f"{text}.")
        for name, (takes, text) in relay.OPTIONS.items()
    ),
]


def render() -> str:
    """The whole page."""
    parts = [HEAD]
    shared: dict[str, VariableRow] = {}
    for name, kind, prefix in SERVICES:
        own = []
        for row in describe(kind, prefix):
            if row.name.startswith(("TASKYARD_REDIS_", "TASKYARD_LOG_", "OTEL_")) and prefix != "TASKYARD_":
                shared[row.name] = row
            else:
                own.append(row)
        parts.append(f"\n## {name[0].upper()}{name[1:]}\n\n" + "\n".join(_table(own)) + "\n")
    parts.append("\n## Client\n\nRead by `taskyard`, in the processes that enqueue; see [client.md](client.md).\n\n")
    parts.append("\n".join(_table(CLIENT)) + "\n")
    parts.append("\n## Outbox relay\n\nRead by `taskyard outbox-relay`; see [outbox.md](outbox.md).\n\n")
    parts.append("\n".join(_table(OUTBOX)) + "\n")
    by_group = sorted(shared.values(), key=_group)
    parts.insert(1, "\n## All services\n\n" + "\n".join(_table(by_group)) + "\n")
    return "".join(parts)


def _group(row: VariableRow) -> tuple[bool, str]:
    is_foreign = row.name.startswith("OTEL_")
    return is_foreign, "" if is_foreign else row.name.split("_")[1]


def _table(rows: list[VariableRow]) -> Iterator[str]:
    yield "| Variable | Values | Default | Meaning |"
    yield "|---|---|---|---|"
    for row in rows:
        default = f"`{row.default}`" if row.default else ""
        yield f"| `{row.name}` | {_cell(row.takes)} | {default} | {_cell(row.description)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(render())
