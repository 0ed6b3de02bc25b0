"""Processes of the contenders: each in its own process group, ended with SIGKILL, output kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.environment import ROOT
from queuecore.child import bind_to_parent

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_TAIL = 600


class Child:
    """A process and its descendants."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls, command: Sequence[str], variables: Mapping[str, str], log: Path, *, piped: bool = False
    ) -> Child:
        """Start a command in the root of the repository.

        Its output goes to ``log``; with ``piped``, its standard output goes to :attr:`pipes`.
        """
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
                cwd=ROOT,
                start_new_session=True,
                preexec_fn=bind_to_parent(),
                stdin=asyncio.subprocess.PIPE if piped else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if piped else output,
                stderr=output,
            )
        return cls(process, log)

    @property
    def pipes(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        """Standard input and output of a piped process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def check(self) -> None:
        """Check that the process is running.

        Raises:
            RuntimeError: it has ended; the message has the end of its output.
        """
        if self._process.returncode is not None:
            raise RuntimeError(f"a process ended with {self._process.returncode}: {self.tail()}")

    def tail(self) -> str:
        """The end of its output."""
        return self._log.read_text(errors="replace").strip()[-_TAIL:] or "no output"

    def cpu_s(self) -> float:
        """Processor time of the process and its descendants, in seconds."""
        return sum(cpu_s(pid) for pid in _group(self._process.pid))

    async def kill(self) -> None:
        """Kill the whole group with SIGKILL, like the loss of a machine."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


class DriverClient:
    """Sends requests to a driver process, see :mod:`benchmarks.peers.driver`."""

    def __init__(self, child: Child, timeout_s: float) -> None:
        self.child = child
        self._timeout_s = timeout_s

    async def ready(self) -> None:
        """Wait until the driver has connected.

        Raises:
            RuntimeError: it failed to connect.
        """
        await self._answer()

    async def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of the driver and return its result.

        Raises:
            RuntimeError: the method failed.
            TimeoutError: no reply in time.
        """
        writer, _ = self.child.pipes
        writer.write(json.dumps({"do": method, **arguments}).encode() + b"\n")
        await writer.drain()
        return await self._answer()

    async def _answer(self) -> Any:
        async with asyncio.timeout(self._timeout_s):
            line = await self.child.pipes[1].readline()
        if not line:
            raise RuntimeError(f"the driver exited: {self.child.tail()}")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["answer"]


def _group(leader: int) -> list[int]:
    """The processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = _fields(stat)
        except OSError:
            continue
        if int(fields[3]) == leader:
            found.append(int(stat.parent.name))
    return found


def cpu_s(pid: int) -> float:
    """Processor time of a process in seconds; 0 after its end."""
    try:
        fields = _fields(Path(f"/proc/{pid}/stat"))
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _fields(stat: Path) -> list[str]:
    # The name may contain spaces. The fields after it: state, parent, group, session, ..., user time, system time.
    return stat.read_text().rpartition(")")[2].split()
