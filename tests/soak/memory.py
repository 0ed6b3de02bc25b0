"""Peak memory of every process of a run, against a limit."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.system import System

_INTERVAL_S = 1.0
_MIB = 1024 * 1024
_LIMIT = 512 * _MIB
"""Of a service or one of its children, in bytes."""
_LIMIT_OF_VALKEY = 2048 * _MIB
"""Valkey keeps all tasks of the run; services keep nothing."""


class MemoryWatch:
    """Reads the peak memory of the processes at intervals until the block ends."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.peaks: dict[str, int] = defaultdict(int)
        """Process -> the largest peak of one of its instances, in bytes."""

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)

    def violations(self) -> list[str]:
        """Processes that exceeded their limit."""
        return [
            f"{name} used {peak / _MIB:.0f} MiB"
            for name, peak in self.peaks.items()
            if peak > (_LIMIT_OF_VALKEY if name == "valkey" else _LIMIT)
        ]

    async def _watch(self) -> None:
        while True:
            for name, pid in self._processes():
                self.peaks[name] = max(self.peaks[name], _read_peak(pid))
            await asyncio.sleep(_INTERVAL_S)

    def _processes(self) -> Iterator[tuple[str, int]]:
        if self._system.valkey.pid is not None:
            yield "valkey", self._system.valkey.pid
        for service in self._system.services:
            if not service.ended:
                name = service.log_path.stem.partition("-")[0]
                yield name, service.pid
                yield from ((f"children of {name}", child) for child in _find_children(service.pid))


def _find_children(pid: int) -> list[int]:
    """The processes that a process and its threads have started; empty when it has ended."""
    try:
        return [int(each) for path in Path(f"/proc/{pid}/task").glob("*/children") for each in path.read_text().split()]
    except OSError:
        return []


def _read_peak(pid: int) -> int:
    """The peak resident memory of a process in bytes; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
