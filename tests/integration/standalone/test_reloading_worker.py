from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from queuecore.testing.waiting import eventually
from queuestandalone.dev.reloading_worker import ReloadingWorker
from queuestandalone.process_spec import ProcessSpec

_RUN = "import signal; signal.pause()"


class _Saves:
    """Changes as the test makes them."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Sequence[Path]] = asyncio.Queue()

    def save(self) -> None:
        self._queue.put_nowait([Path("shop.py")])

    async def changes(self) -> AsyncIterator[Sequence[Path]]:
        while True:
            yield await self._queue.get()


async def test_worker_that_does_not_become_ready_is_replaced_when_a_file_is_saved(tmp_path: Path) -> None:
    def specify(number: int) -> ProcessSpec:
        async def check_readiness() -> str | None:
            return "its import does not end" if number == 0 else None

        return ProcessSpec(
            name="worker",
            command=[sys.executable, "-c", _RUN],
            environ=os.environ,
            pid_path=tmp_path / f"{number}.pid",
            check_readiness=check_readiness,
            fatal_error=lambda _: None,
        )

    saves = _Saves()
    worker = ReloadingWorker(specify, saves.changes())
    worker.start()
    await eventually((tmp_path / "0.pid").exists)

    saves.save()

    await eventually((tmp_path / "1.pid").exists)
    await worker.wait_until_ready()
    assert not (tmp_path / "0.pid").exists()
    await worker.stop(grace_s=5)
    assert not (tmp_path / "1.pid").exists()
