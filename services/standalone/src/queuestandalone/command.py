"""The command ``taskyard-standalone``."""

from __future__ import annotations

import asyncio
import os
import sys

from queuecore.embedded import EmbeddedServerError
from queuecore.errors import ConfigError
from queuecore.observe.logs import configure_logging
from queuecore.settings.arguments import answer_arguments
from queuecore.settings.loader import exit_with
from queuestandalone.app import Standalone
from queuestandalone.settings import PREFIX, StandaloneSettings, read_settings


def main() -> None:
    """Run the stack. Exit codes: 0 after a stop, 1 if Valkey cannot start, 2 for invalid settings."""
    answer_arguments("taskyard-standalone", StandaloneSettings, PREFIX, sys.argv[1:])
    try:
        settings = read_settings(os.environ)
        configure_logging("standalone", settings.log.level, settings.log.format)
        asyncio.run(Standalone(settings, os.environ).run())
    except ConfigError as error:
        exit_with(error)
    except EmbeddedServerError as error:
        sys.exit(str(error))
