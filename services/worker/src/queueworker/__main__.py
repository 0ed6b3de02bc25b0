"""The command ``taskyard-worker``."""

from __future__ import annotations

from queuecore.process import relax_garbage_collection, run_service
from queueworker.app import Worker, make_handlers
from queueworker.settings import PREFIX, WorkerSettings


async def run(settings: WorkerSettings) -> int:
    """Run a worker until it is told to stop; its exit code."""
    worker = Worker(settings, make_handlers(settings))
    relax_garbage_collection()
    return await worker.run()


def main() -> None:
    """Run a worker as the environment says."""
    run_service("worker", WorkerSettings, PREFIX, run)


if __name__ == "__main__":
    main()
