"""The command ``taskyard dev``."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from queuecore.embedded import EmbeddedServerError
from queuecore.errors import ConfigError
from queuecore.observe.logs import configure_logging
from queuecore.settings.loader import exit_with
from queuestandalone.app import Standalone
from queuestandalone.banner import format_dev_banner
from queuestandalone.dev.arguments import APPS, Arguments, make_environment, parse_arguments
from queuestandalone.dev.reloading_worker import ReloadingWorker
from queuestandalone.settings import read_settings
from queuestandalone.stack import ServiceSpecs
from taskyard.cli.project_file import read_project


def main() -> None:
    """Run the stack. Exit codes: 0 after a stop, 1 if Valkey cannot start, 2 for invalid arguments or settings."""
    arguments = parse_arguments(sys.argv[1:])
    try:
        environ = make_environment(arguments, os.environ, read_project(Path.cwd()).apps)
        settings = read_settings(environ)
        configure_logging("dev", settings.log.level, settings.log.format)
        watched = _watched_folders(arguments)
        banner = partial(format_dev_banner, apps=environ[APPS], watched=watched)
        reloading = partial(_supervise, watched=watched) if watched else None
        asyncio.run(Standalone(settings, environ, banner=banner, supervise_worker=reloading).run())
    except ConfigError as error:
        exit_with(error)
    except EmbeddedServerError as error:
        sys.exit(str(error))


def _watched_folders(arguments: Arguments) -> tuple[Path, ...]:
    """The folders whose files are watched; empty without reload.

    Raises:
        ConfigError: one does not exist, or watchfiles is not installed.
    """
    if not arguments.reload:
        return ()
    if find_spec("watchfiles") is None:
        raise ConfigError("reload needs watchfiles: pip install 'taskyard[dev]', or pass --no-reload")
    for each in arguments.watched:
        if not each.is_dir():
            raise ConfigError(f"--watch: {each} is no folder")
    return (Path.cwd(), *arguments.watched)


def _supervise(specs: ServiceSpecs, watched: tuple[Path, ...]) -> ReloadingWorker:
    from queuestandalone.dev.source_watch import watch_sources  # noqa: PLC0415 - needs the extra dev of taskyard

    return ReloadingWorker(specs.worker, watch_sources(watched))
