"""Valkey and the services, each in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from queuecore.embedded import EmbeddedValkey, find_free_port

ROOT = Path(__file__).parents[2]
START_S = 20.0


@contextmanager
def valkey() -> Iterator[EmbeddedValkey]:
    """A server without persistence, as in the measurements of the peers."""
    with tempfile.TemporaryDirectory() as directory, EmbeddedValkey(Path(directory)) as server:
        yield server


@contextmanager
def service(
    module: str, redis_url: str, *, logs: int | None = None, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python -m module`` with ``variables`` until the block ends; it logs to ``logs``."""
    environment = {
        **os.environ,
        "TASKYARD_REDIS_URL": redis_url,
        "TASKYARD_LOG_LEVEL": "warning",
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    process = subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=logs)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def worker(redis_url: str, *, logs: int | None = None, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker with the benchmarks' handlers."""
    defaults = {"TASKYARD_WORKER_APPS": "benchmarks.harness.handlers", "TASKYARD_WORKER_PROBE_PORT": "0"}
    with service("queueworker", redis_url, logs=logs, **(defaults | variables)) as process:
        yield process


@contextmanager
def http_server(module: str, redis_url: str = "redis://127.0.0.1:1") -> Iterator[int]:
    """Run a module that listens on ``TASKYARD_API_PORT``; yields the port once it answers."""
    port = find_free_port()
    with service(module, redis_url, TASKYARD_API_PORT=str(port)):
        wait_until_answers(f"http://127.0.0.1:{port}/live")
        yield port


def wait_until_answers(url: str) -> None:
    """Wait until a GET is answered with 200.

    Raises:
        TimeoutError: no such answer in time.
    """
    ends_at = time.monotonic() + START_S
    while time.monotonic() < ends_at:
        try:
            if httpx.get(url).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise TimeoutError(f"{url} did not answer within {START_S} s")
