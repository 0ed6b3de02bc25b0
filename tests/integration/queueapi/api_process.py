"""The api as a process, as a cluster runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from queuecore.embedded import find_free_port
from queuecore.testing.waiting import eventually

DEMO_SCHEMA = (
    b'{"type":"object","required":["message","count"],"additionalProperties":false,'
    b'"properties":{"message":{"type":"string"},"count":{"type":"integer"}}}'
)
GOOD = {"type": "demo", "payload": {"message": "hi", "count": 1}}


class ApiProcess:
    def __init__(self, store_url: str, log_path: Path, **environ: str) -> None:
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = log_path
        variables = {"TASKYARD_REDIS_URL": store_url, "TASKYARD_API_PORT": str(self.port), **environ}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TASKYARD_")}
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "queueapi"], env={**kept, **variables}, stdout=log, stderr=log
            )

    def wait_until_live(self) -> None:
        give_up_at = time.monotonic() + 30
        with httpx.Client(base_url=self.url) as client:
            while not _answers(client):
                assert self.process.poll() is None, self.log_path.read_text()
                assert time.monotonic() < give_up_at, self.log_path.read_text()
                time.sleep(0.01)

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
def running_api(store_url: str, log_path: Path, **environ: str) -> Iterator[ApiProcess]:
    api = ApiProcess(store_url, log_path, **environ)
    try:
        api.wait_until_live()
        yield api
    finally:
        api.kill()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/live").status_code == 200
    except httpx.TransportError:
        return False
