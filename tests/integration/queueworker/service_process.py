"""A worker or a scheduler as a process, as a cluster runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from queuecore.embedded import HOST
from queuecore.testing.waiting import eventually

_REPOSITORY = Path(__file__).parents[3]
_START_S = 30.0
_STOP_S = 20.0


class ServiceProcess:
    """``python -m <module>``.

    Args:
        module: what is run.
        store_url: the store.
        log_path: takes what it says.
        environ: further variables.
    """

    def __init__(self, module: str, store_url: str, log_path: Path, **environ: str) -> None:
        self.log_path = log_path
        self._started_event = f"{module.removeprefix('queue')}_started"
        prefix = f"TASKYARD_{module.removeprefix('queue').upper()}_PROBE"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TASKYARD_")}
        variables = {f"{prefix}_HOST": HOST, f"{prefix}_PORT": "0", "TASKYARD_REDIS_URL": store_url, **environ}
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module], cwd=_REPOSITORY, env={**kept, **variables}, stdout=log, stderr=log
            )

    def wait_until_started(self) -> None:
        give_up_at = time.monotonic() + _START_S
        while not self.said(self._started_event):
            assert self.process.poll() is None, self.log
            assert time.monotonic() < give_up_at, self.log
            time.sleep(0.01)

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def lines(self) -> list[dict[str, Any]]:
        """All that it logged; the last line may not be complete yet."""
        return [json.loads(line) for line in self.log.splitlines(keepends=True) if line.endswith("\n")]

    def said(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["event"] == event]

    @property
    def url(self) -> str:
        (started,) = self.said(self._started_event)
        return f"http://{HOST}:{started['probe_port']}"

    async def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            return await client.get(path, headers=headers)

    async def status(self, path: str) -> int:
        return (await self.get(path)).status_code

    async def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        text = (await self.get("/metrics")).text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        (value,) = [sample.value for sample in samples if sample.name == name]
        return float(value)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def wait(self) -> int:
        await eventually(lambda: self.process.poll() is not None, within_s=_STOP_S)
        return self.process.returncode

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(module: str, store_url: str, log_path: Path, **environ: str) -> Iterator[ServiceProcess]:
    service = ServiceProcess(module, store_url, log_path, **environ)
    try:
        service.wait_until_started()
        yield service
    finally:
        service.kill()
