"""The command ``taskyard-scheduler``."""

from __future__ import annotations

from queuecore.process import run_service
from queuescheduler.app import Scheduler
from queuescheduler.settings import PREFIX, SchedulerSettings


async def run(settings: SchedulerSettings) -> int:
    """Run a scheduler until a stop signal arrives; return its exit code."""
    return await Scheduler(settings).run()


def main() -> None:
    """Run a scheduler configured by the environment."""
    run_service("scheduler", SchedulerSettings, PREFIX, run)
