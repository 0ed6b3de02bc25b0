"""The command ``taskyard-worker``."""

from __future__ import annotations

from queuecore.process import relax_garbage_collection, run_service
from queueworker.app import Worker
from queueworker.handlers.loader import load_handlers
from queueworker.settings import PREFIX, WorkerSettings


async def run(settings: WorkerSettings) -> int:
    """Run a worker until a stop signal arrives; return its exit code."""
    worker = Worker(settings, load_handlers(settings.apps, with_demo=settings.demo))
    relax_garbage_collection()
    return await worker.run()


def main() -> None:
    """Run a worker configured by the environment."""
    run_service("worker", WorkerSettings, PREFIX, run)
