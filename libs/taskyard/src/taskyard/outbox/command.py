"""The command ``taskyard outbox-relay``: a relay as a process."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from queuecore.errors import ConfigError, InvalidField
from taskyard.errors import ClientError
from taskyard.outbox.logs import configure_logging
from taskyard.outbox.options import RelayOptions
from taskyard.outbox.relay import Relay, reason
from taskyard.outbox.rows import retry_refused
from taskyard.outbox.table import create_table

DATABASE_URL = "TASKYARD_OUTBOX_DATABASE_URL"
PREFIX = "TASKYARD_OUTBOX_"
OPTIONS: Mapping[str, tuple[str, str]] = {
    "batch": ("an integer from 1 to 500", "Most rows of one claim"),
    "poll": ("a duration", "Time between two searches while no row is due"),
    "timeout": ("a duration", "Time limit of a call of the API"),
    "claim": (
        "a duration longer than the timeout",
        "Time after which another relay may take the rows of one that died",
    ),
    "retention": ("a duration", "Time that a row is kept after its task was enqueued"),
}
"""Values and meaning of each option of :class:`~taskyard.outbox.RelayOptions`."""


def main() -> None:
    """Run the command. Exit codes: 0 after SIGTERM or the end of its work, 1 for a failure, 2 for invalid settings."""
    arguments = parse(sys.argv[1:], os.environ)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        configure_logging(os.environ)
        run(arguments, stop)
    except (ConfigError, InvalidField) as error:
        print(error, file=sys.stderr)  # noqa: T201 - before there is a log
        sys.exit(2)
    except (ClientError, SQLAlchemyError) as error:
        sys.exit(reason(error))


def parse(arguments: Sequence[str], environ: Mapping[str, str]) -> argparse.Namespace:
    """Parse the arguments, whose defaults are in the environment; ends the process for wrong ones."""
    parser = argparse.ArgumentParser(
        description="Enqueue the tasks of the outbox. TASKYARD_URL is the address of the API, TASKYARD_TOKEN or "
        "TASKYARD_TOKEN_FILE the token.",
    )
    parser.add_argument(
        "--database-url",
        metavar="URL",
        default=environ.get(DATABASE_URL),
        help=f"database with the outbox, such as postgresql+psycopg://user@host/name ({DATABASE_URL})",
    )
    for name, (takes, text) in OPTIONS.items():
        variable = PREFIX + name.upper()
        default = environ.get(variable, getattr(RelayOptions(), name))
        kind = int if name == "batch" else str
        parser.add_argument(
            f"--{name}",
            type=kind,
            default=default,
            metavar=name.upper(),
            help=f"{text}: {takes} ({variable}; {default})",
        )
    parser.add_argument("--create-table", action="store_true", help="create the table first, unless it exists")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--until-empty", action="store_true", help="end when no row is due")
    modes.add_argument(
        "--retry-refused", nargs="*", metavar="TASK_ID", help="make these refused tasks, or all, due again and end"
    )
    return parser.parse_args(arguments)


def run(arguments: argparse.Namespace, stop: threading.Event) -> None:
    """Do what the arguments say.

    Args:
        arguments: as of :func:`parse`.
        stop: ends the relay.

    Raises:
        ConfigError: the database's or the API's address is missing or invalid.
        InvalidField: an option is out of its range.
        ClientError: the API failed a relay that ends when no row is due.
        SQLAlchemyError: the database failed.
    """
    options = RelayOptions(**{name: getattr(arguments, name) for name in OPTIONS})
    engine = _connect(arguments.database_url)
    try:
        if arguments.create_table:
            create_table(engine)
        if arguments.retry_refused is not None:
            with engine.begin() as connection:
                count = retry_refused(connection, arguments.retry_refused or None)
            print(f"{count} refused tasks are due again")  # noqa: T201 - the answer of the command
            return
        relay = Relay(engine, options=options)
        try:
            if arguments.until_empty:
                relay.run_until_empty(stop)
            else:
                relay.run(stop)
        finally:
            relay.close()
    finally:
        engine.dispose()


def _connect(url: str | None) -> Engine:
    if not url:
        raise ConfigError(f"the database of the outbox is not set: set {DATABASE_URL}, or pass --database-url")
    try:
        return create_engine(url, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        # Not the URL itself, which may hold a password.
        raise ConfigError(f"{DATABASE_URL}: no database can be reached by this URL: {type(error).__name__}") from error
