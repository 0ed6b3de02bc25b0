"""Arguments of ``taskyard dev``, and the environment of the stack that follows from them. Pure."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from queuecore.errors import ConfigError

APPS = "TASKYARD_WORKER_APPS"


@dataclass(frozen=True)
class Arguments:
    """The arguments; those that are not given are empty."""

    apps: tuple[str, ...]
    variables: Mapping[str, str]
    """Variables that arguments set."""
    watched: tuple[Path, ...]
    reload: bool


def parse_arguments(arguments: Sequence[str]) -> Arguments:
    """Parse the arguments; ``--help`` and mistakes end the process."""
    parser = argparse.ArgumentParser(
        prog="taskyard dev",
        description="Run apps on this machine: API, scheduler, an embedded Valkey, and a worker that is replaced when "
        "a Python file is saved. Tasks that are queued or running are kept.",
        epilog=f"Arguments take precedence over the environment ({APPS}, and all variables of taskyard-standalone), "
        "and this over apps in [tool.taskyard] of pyproject.toml.",
    )
    parser.add_argument("apps", nargs="*", metavar="APP", help="an app, as in shop.tasks:app")
    parser.add_argument("--port", help="port of the API (8080)")
    parser.add_argument("--data-dir", help="folder of the embedded Valkey's data (.taskyard)")
    parser.add_argument("--redis-url", help="Redis or Valkey server to use in place of the embedded one")
    parser.add_argument(
        "--watch", action="append", type=Path, default=[], metavar="DIR", help="watch this folder, too; may be repeated"
    )
    parser.add_argument("--no-reload", action="store_true", help="keep the worker when a file is saved")
    found = parser.parse_args(arguments)
    variables = {
        "TASKYARD_API_PORT": found.port,
        "TASKYARD_DATA_DIR": found.data_dir,
        "TASKYARD_REDIS_URL": found.redis_url,
    }
    return Arguments(
        apps=tuple(found.apps),
        variables={name: text for name, text in variables.items() if text is not None},
        watched=tuple(found.watch),
        reload=not found.no_reload,
    )


def make_environment(
    arguments: Arguments, environ: Mapping[str, str], configured_apps: Sequence[str]
) -> dict[str, str]:
    """The environment of the stack.

    Args:
        arguments: the arguments.
        environ: the environment of the command.
        configured_apps: the apps of ``pyproject.toml``.

    Raises:
        ConfigError: no app is named anywhere.
    """
    apps = ",".join(arguments.apps) or environ.get(APPS) or ",".join(configured_apps)
    if not apps:
        raise ConfigError(
            f"no app is named: name one, as in taskyard dev shop.tasks:app, or set {APPS}, or apps in [tool.taskyard] "
            "of pyproject.toml"
        )
    return {
        # A log for people, also in a pipe.
        "TASKYARD_LOG_FORMAT": "human",
        **environ,
        **arguments.variables,
        APPS: apps,
        # A file that is saved twice in a second with the same size would keep the bytecode of the first time.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
