"""Process supervision: start, restart with backoff, stop."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Protocol

import structlog

from queuecore.child import bind_to_parent
from queuestandalone.backoff import RestartBackoff
from queuestandalone.process_spec import ProcessSpec

_READY_POLL_S = 0.05
_READY_WARNING_S = 15.0
_FORCED_STOP_S = 3.0
"""Time from a forced stop's SIGTERM to its SIGKILL."""

log = structlog.get_logger()


class Supervised(Protocol):
    """Something that runs until it is stopped; see :class:`Supervisor`."""

    def start(self) -> asyncio.Task[None]:
        """Start it; the task ends after :meth:`stop`, or with a fatal error."""

    async def wait_until_ready(self) -> None:
        """Wait until it is ready."""

    async def stop(self, grace_s: float) -> None:
        """Stop it within ``grace_s`` seconds."""

    def force_stop(self) -> None:
        """Hurry a stop."""


class Supervisor:
    """Runs a process and restarts it whenever it exits, until stopped.

    Args:
        spec: the process.
        backoff: the delays before restarts.
    """

    def __init__(self, spec: ProcessSpec, backoff: RestartBackoff) -> None:
        self._spec = spec
        self._backoff = backoff
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._was_ready = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Start supervising.

        Returns:
            The task of the supervisor. It ends after :meth:`stop`, or with the fatal error of the process.
        """
        self._task = asyncio.create_task(self._run(), name=self._spec.name)
        return self._task

    async def wait_until_ready(self) -> None:
        """Wait until the process is ready; log the problem every 15 s until then."""
        warn_at = time.monotonic() + _READY_WARNING_S
        while problem := await self._spec.check_readiness():
            if time.monotonic() > warn_at:
                log.warning("process_not_ready", process=self._spec.name, problem=problem)
                warn_at += _READY_WARNING_S
            await asyncio.sleep(_READY_POLL_S)
        self._was_ready = True

    async def stop(self, grace_s: float) -> None:
        """Send SIGTERM, and SIGKILL if the process is still running after ``grace_s`` seconds."""
        self._stopping.set()
        self._signal(signal.SIGTERM)
        if self._task is None:
            return
        _, running = await asyncio.wait([self._task], timeout=grace_s)
        if running:
            self._kill(f"it did not end in {grace_s} s")
            await asyncio.wait([self._task])

    def force_stop(self) -> None:
        """Send SIGTERM again to a process that is stopping, and SIGKILL 3 s later."""
        self._signal(signal.SIGTERM)
        asyncio.get_running_loop().call_later(_FORCED_STOP_S, self._kill, "forced stop")

    async def _run(self) -> None:
        while not self._stopping.is_set():
            started_at = time.monotonic()
            exit_code = await self._run_once()
            if self._stopping.is_set():
                break
            error = None if self._was_ready else self._spec.fatal_error(exit_code)
            if error:
                raise error
            delay_s = self._backoff.delay_s(time.monotonic() - started_at)
            log.warning("process_exited", process=self._spec.name, exit_code=exit_code, restart_in_s=round(delay_s, 2))
            await self._wait_to_restart(delay_s)

    async def _run_once(self) -> int:
        process = self._process = await asyncio.create_subprocess_exec(
            *self._spec.command,
            env=dict(self._spec.environ),
            stdin=asyncio.subprocess.DEVNULL,
            preexec_fn=bind_to_parent(),
        )
        _write_atomically(self._spec.pid_path, f"{process.pid}\n")
        log.info("process_started", process=self._spec.name, pid=process.pid)
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        try:
            return await process.wait()
        finally:
            self._spec.pid_path.unlink(missing_ok=True)

    async def _wait_to_restart(self, delay_s: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), delay_s)
        except TimeoutError:
            return

    def _kill(self, reason: str) -> None:
        if self._is_alive:
            log.warning("process_killed", process=self._spec.name, reason=reason)
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self._is_alive:
            self._process.send_signal(number)

    @property
    def _is_alive(self) -> bool:
        return self._process is not None and self._process.returncode is None


def _write_atomically(path: Path, text: str) -> None:
    """Replace a file, so that readers never see a partial write."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(text)
    temporary.replace(path)
