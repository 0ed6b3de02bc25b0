"""Keeping one process running."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import structlog

from queuecore.child import bind_to_parent
from queuestandalone.program import Program
from queuestandalone.restart_delay import RestartDelay

_READY_POLL_S = 0.05
_READY_WARNING_S = 15.0
_HURRY_S = 3.0
"""How long a process that was told to hurry may take."""

log = structlog.get_logger()


class Supervisor:
    """Starts a program, and again whenever it ends, until it is stopped.

    Args:
        program: what to run.
        delay: how long to wait before each new start.
    """

    def __init__(self, program: Program, delay: RestartDelay) -> None:
        self._program = program
        self._delay = delay
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._was_ready = False
        self._life: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Begin.

        Returns:
            What ends when the supervisor does: when it was stopped, or with the error for which it has given up.
        """
        self._life = asyncio.create_task(self._run(), name=self._program.name)
        return self._life

    async def wait_until_ready(self) -> None:
        """Wait until the process says that it is ready; if that takes long, the log tells why."""
        warn_at = time.monotonic() + _READY_WARNING_S
        while problem := await self._program.find_problem():
            if time.monotonic() > warn_at:
                log.warning("process_not_ready", process=self._program.name, problem=problem)
                warn_at += _READY_WARNING_S
            await asyncio.sleep(_READY_POLL_S)
        self._was_ready = True

    async def stop(self, grace_s: float) -> None:
        """Ask the process to end (SIGTERM), and kill it if it has not after ``grace_s``."""
        self._stopping.set()
        self._signal(signal.SIGTERM)
        if self._life is None:
            return
        _, late = await asyncio.wait([self._life], timeout=grace_s)
        if late:
            self._kill(f"it did not end in {grace_s} s")
            await asyncio.wait([self._life])

    def hurry(self) -> None:
        """Ask a process that is being stopped once more, and kill it soon."""
        self._signal(signal.SIGTERM)
        asyncio.get_running_loop().call_later(_HURRY_S, self._kill, "it did not hurry")

    async def _run(self) -> None:
        while not self._stopping.is_set():
            started_at = time.monotonic()
            exit_code = await self._run_once()
            if self._stopping.is_set():
                break
            error = None if self._was_ready else self._program.despair(exit_code)
            if error:
                raise error
            wait_s = self._delay.after(time.monotonic() - started_at)
            log.warning("process_died", process=self._program.name, exit_code=exit_code, restart_in_s=round(wait_s, 2))
            await self._pause(wait_s)

    async def _run_once(self) -> int:
        process = self._process = await asyncio.create_subprocess_exec(
            *self._program.command,
            env=dict(self._program.environ),
            stdin=asyncio.subprocess.DEVNULL,
            preexec_fn=bind_to_parent(),
        )
        _replace(self._program.pid_path, f"{process.pid}\n")
        log.info("process_started", process=self._program.name, pid=process.pid)
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        try:
            return await process.wait()
        finally:
            self._program.pid_path.unlink(missing_ok=True)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    def _kill(self, reason: str) -> None:
        if self._is_alive:
            log.warning("process_killed", process=self._program.name, reason=reason)
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self._is_alive:
            self._process.send_signal(number)

    @property
    def _is_alive(self) -> bool:
        return self._process is not None and self._process.returncode is None


def _replace(path: Path, text: str) -> None:
    """Write a file so that no reader finds it half written."""
    written = path.with_name(f".{path.name}")
    written.write_text(text)
    written.replace(path)
