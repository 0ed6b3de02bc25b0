"""Counting of the syncs of a process with strace."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from queuecore.testing.waiting import eventually


def find_strace() -> str | None:
    """The path of strace, if it is installed and may attach to other processes."""
    path = shutil.which("strace")
    if path is None or subprocess.run([path, "-o", "/dev/null", "true"], check=False, capture_output=True).returncode:
        return None
    return path


class SyncCounter:
    """Counts the calls of fsync and fdatasync of a running process.

    Args:
        strace: the path of strace.
        pid: the process.
        trace: the file that strace writes.
    """

    def __init__(self, strace: str, pid: int, trace: Path) -> None:
        self._command = [strace, "-qq", "-f", "-e", "trace=fsync,fdatasync", "-o", str(trace), "-p", str(pid)]
        self._pid = pid
        self._trace = trace

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(*self._command, stderr=asyncio.subprocess.DEVNULL)
        await eventually(self._is_attached)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            await self.detach()

    async def detach(self) -> int:
        """Stop counting; the number of finished syncs."""
        self._process.send_signal(signal.SIGINT)
        await self._process.wait()
        return sum("= 0" in line for line in self._trace.read_text().splitlines())

    def _is_attached(self) -> bool:
        threads = [each.read_text() for each in Path(f"/proc/{self._pid}/task").glob("*/status")]
        return all("TracerPid:\t0" not in status for status in threads)
