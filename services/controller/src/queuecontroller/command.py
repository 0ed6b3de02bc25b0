"""The command ``taskyard-controller``."""

from __future__ import annotations

from queuecontroller.app import Controller
from queuecontroller.handlers.login import find_access
from queuecontroller.handlers.operator import operate
from queuecontroller.settings import PREFIX, ControllerSettings
from queuecore.process import run_service


async def run(settings: ControllerSettings) -> int:
    """Run a controller until SIGTERM or SIGINT; the exit code."""
    find_access()
    return await Controller(settings, find_access, operate).run()


def main() -> None:
    """Run a controller configured by the environment."""
    run_service("controller", ControllerSettings, PREFIX, run)
