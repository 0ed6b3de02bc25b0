"""The command ``taskyard-scheduler``."""

from __future__ import annotations

from queuecore.process import run_service
from queuescheduler.app import Scheduler
from queuescheduler.settings import PREFIX, SchedulerSettings


async def run(settings: SchedulerSettings) -> int:
    """Run a scheduler until it is told to stop; its exit code."""
    return await Scheduler(settings).run()


def main() -> None:
    """Run a scheduler as the environment says."""
    run_service("scheduler", SchedulerSettings, PREFIX, run)


if __name__ == "__main__":
    main()
