"""Harness: ``taskyard-standalone`` as a child process."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import httpx

from queuecore.embedded import HOST, find_free_port
from queuecore.testing.waiting import eventually
from tests.support.service_process import ServiceProcess, clean_environment

_READY_S = 40.0
_STOP_S = 45.0


class StandaloneProcess:
    """One run of the command in its own process group, with its data in ``folder / "data"``.

    Args:
        folder: for its data and its log.
        environ: variables of the stack.
        command: an installed command, which replaces the one of this checkout.
    """

    def __init__(
        self, folder: Path, environ: Mapping[str, str] | None = None, command: Sequence[str] | None = None
    ) -> None:
        self._command = command
        self.port = find_free_port()
        self.data_dir = folder / "data"
        self._log_path = folder / f"standalone-{self.port}.log"
        self._own = {"TASKYARD_API_PORT": str(self.port), "TASKYARD_DATA_DIR": str(self.data_dir), **(environ or {})}

    @property
    def environ(self) -> dict[str, str]:
        """The environment that it runs in."""
        return clean_environment() | self._own

    async def __aenter__(self) -> Self:
        self._service = ServiceProcess(
            "queuestandalone", self._log_path, self._own, own_session=True, command=self._command
        )
        self.process = self._service.process
        self.http = httpx.AsyncClient(base_url=f"http://{HOST}:{self.port}/api/v1", trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        if not self._service.ended:
            await self.stop()

    @property
    def log(self) -> str:
        """Everything that it and its services have logged."""
        return self._service.log

    async def until_ready(self) -> None:
        """Wait until it prints that it runs."""
        try:
            await eventually(lambda: self._service.ended or "Taskyard runs" in self.log, within_s=_READY_S)
        except AssertionError as error:
            raise AssertionError(f"it does not become ready:\n{self.log}") from error
        assert not self._service.ended, self.log

    async def wait(self) -> int:
        """Wait until it has ended; its exit code."""
        return await self._service.wait(_STOP_S)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the whole process group, as a terminal does; the exit code."""
        os.killpg(self.process.pid, number)
        return await self.wait()

    def pid(self, process: str) -> int:
        """The pid of one of the processes; 0 without a pid file."""
        path = self.data_dir / "run" / f"{process}.pid"
        return int(path.read_text()) if path.exists() else 0

    async def pid_other_than(self, process: str, old: int) -> int:
        """Wait until one of the processes has been restarted; its new pid."""
        return await eventually(lambda: self.pid(process) if self.pid(process) != old else 0)

    async def state_of(self, task_id: str) -> str:
        """The state of a task; empty while the api does not answer."""
        try:
            response = await self.http.get(f"/tasks/{task_id}")
        except httpx.TransportError:
            return ""
        return str(response.json()["state"]) if response.is_success else ""
