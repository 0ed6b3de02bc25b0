"""The controller as a process, as a cluster runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from queuecore.embedded import find_free_port
from queuecore.testing.waiting import eventually


class ControllerProcess:
    def __init__(self, kubeconfig: Path, log_path: Path, **environ: str) -> None:
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = log_path
        variables = {
            "KUBECONFIG": str(kubeconfig),
            "TASKYARD_CONTROLLER_PROBE_PORT": str(self.port),
            "TASKYARD_CONTROLLER_INTERVAL": "100ms",
            "TASKYARD_CONTROLLER_DELETION_COST_WAIT": "50ms",
            "TASKYARD_CONTROLLER_PEERING_LIFETIME": "2s",
            "TASKYARD_LOG_LEVEL": "info",
            **environ,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TASKYARD_")}
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "queuecontroller"], env={**kept, **variables}, stdout=log, stderr=log
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    async def probe(self, path: str) -> int:
        """The status that a probe answers; 0 if nobody does."""
        async with httpx.AsyncClient() as client:
            try:
                return (await client.get(self.url + path)).status_code
            except httpx.TransportError:
                assert self.process.poll() is None, self.log
                return 0

    async def metric(self, series: str) -> float | None:
        """The value of a series, as it is written in the exposition."""
        async with httpx.AsyncClient() as client:
            lines = (await client.get(f"{self.url}/metrics")).text.splitlines()
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(series)), None)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def wait(self) -> int:
        await eventually(lambda: self.process.poll() is not None)
        return self.process.returncode

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextmanager
def running_controller(kubeconfig: Path, log_path: Path, **environ: str) -> Iterator[ControllerProcess]:
    controller = ControllerProcess(kubeconfig, log_path, **environ)
    try:
        yield controller
    finally:
        controller.kill()
