"""What is measured: a real Valkey and the services, each a process of its own."""

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

HERE = Path(__file__).parent
START_S = 20.0


@contextmanager
def valkey() -> Iterator[EmbeddedValkey]:
    """A server without persistence, as the peers are measured."""
    with tempfile.TemporaryDirectory() as directory, EmbeddedValkey(Path(directory)) as server:
        yield server


@contextmanager
def service(
    module: str, redis_url: str, *, logs: int | None = None, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """``python -m module`` with defaults but for ``variables``, until the block ends; it logs to ``logs``."""
    environment = {
        **os.environ,
        "TASKYARD_REDIS_URL": redis_url,
        "TASKYARD_LOG_LEVEL": "warning",
        "PYTHONPATH": str(HERE.parent),
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
    variables = {"TASKYARD_WORKER_HANDLERS": "benchmarks.handlers", "TASKYARD_WORKER_PROBE_PORT": "0", **variables}
    with service("queueworker", redis_url, logs=logs, **variables) as process:
        yield process


@contextmanager
def http_server(module: str, redis_url: str = "redis://127.0.0.1:1") -> Iterator[int]:
    """A module that listens on ``TASKYARD_API_PORT``; the port, once it answers."""
    port = find_free_port()
    with service(module, redis_url, TASKYARD_API_PORT=str(port)):
        wait_until_answers(f"http://127.0.0.1:{port}/live")
        yield port


def wait_until_answers(url: str) -> None:
    """Wait until a GET is answered with 200.

    Raises:
        TimeoutError: it was not.
    """
    ends_at = time.monotonic() + START_S
    while time.monotonic() < ends_at:
        try:
            if httpx.get(url).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise TimeoutError(f"{url} did not answer within {START_S} s")
