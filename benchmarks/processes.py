"""Processes of the contenders: started in groups of their own, ended without mercy, their output kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import ROOT
from queuecore.child import bind_to_parent

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_TAIL = 600


class Child:
    """A process and all that it starts."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls, command: Sequence[str], variables: Mapping[str, str], log: Path, *, piped: bool = False
    ) -> Child:
        """Start a command in the root of the repository.

        What it says goes to ``log``; where it is piped, what it says on its standard output goes to :attr:`pipes`.
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
        """Its input and output, where it is piped."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def check(self) -> None:
        """See that it still runs.

        Raises:
            RuntimeError: it has ended; the message has the end of its output.
        """
        if self._process.returncode is not None:
            raise RuntimeError(f"a process ended with {self._process.returncode}: {self.tail()}")

    def tail(self) -> str:
        """The end of its output."""
        return self._log.read_text(errors="replace").strip()[-_TAIL:] or "no output"

    def cpu_s(self) -> float:
        """Seconds of processor time that it and what it started have used."""
        return sum(cpu_s(pid) for pid in _group(self._process.pid))

    async def kill(self) -> None:
        """End the whole group at once (SIGKILL), as a lost machine would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


class AgentCall:
    """Asks an agent; see :mod:`benchmarks.peers.agent`."""

    def __init__(self, child: Child, timeout_s: float) -> None:
        self.child = child
        self._timeout_s = timeout_s

    async def ready(self) -> None:
        """Wait until it has connected.

        Raises:
            RuntimeError: it did not.
        """
        await self._answer()

    async def ask(self, method: str, **arguments: Any) -> Any:
        """What a method of the agent returns.

        Raises:
            RuntimeError: it failed.
            TimeoutError: it took too long.
        """
        writer, _ = self.child.pipes
        writer.write(json.dumps({"do": method, **arguments}).encode() + b"\n")
        await writer.drain()
        return await self._answer()

    async def _answer(self) -> Any:
        async with asyncio.timeout(self._timeout_s):
            line = await self.child.pipes[1].readline()
        if not line:
            raise RuntimeError(f"the agent ended: {self.child.tail()}")
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
    """Seconds of processor time that a process has used; 0 when it is gone."""
    try:
        fields = _fields(Path(f"/proc/{pid}/stat"))
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _fields(stat: Path) -> list[str]:
    # After the name, which may have spaces in it: state, parent, group, session, ..., user time, system time.
    return stat.read_text().rpartition(")")[2].split()
