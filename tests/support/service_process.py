"""A service as a child process, started as in a cluster and accessible to fault injection."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from queuecore.child import bind_to_parent
from queuecore.embedded import HOST, find_free_port
from queuecore.testing.waiting import eventually

REPOSITORY = Path(__file__).parents[2]
START_S = 30.0
STOP_S = 30.0


class ServiceProcess:
    """``python -m <module>``; the process dies with the tests.

    Args:
        module: the package to run, such as ``queueapi``.
        log_path: receives stdout and stderr, JSON lines.
        environ: variables of the service; ``TASKYARD_*`` variables of the machine are left out.
        own_session: start it as the leader of a process group, as a terminal does, and without ties to the tests.
        command: an installed command, which replaces ``python -m``; it runs in the folder of the log.
    """

    def __init__(
        self,
        module: str,
        log_path: Path,
        environ: Mapping[str, str],
        *,
        own_session: bool = False,
        command: Sequence[str] | None = None,
    ) -> None:
        self.log_path = log_path
        self._service = module.removeprefix("queue")
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command or [sys.executable, "-m", module],
                env={**clean_environment(), **environ},
                cwd=log_path.parent if command else REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=own_session,
                preexec_fn=None if own_session else bind_to_parent(),  # noqa: PLW1509 - takes no lock
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    @property
    def log(self) -> str:
        """Everything logged so far."""
        return self.log_path.read_text()

    def lines(self) -> list[dict[str, Any]]:
        """The complete log lines; output that is not a log line, such as a traceback, is left out."""
        return [line for line in map(_parse, self.log.splitlines(keepends=True)) if line]

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log lines of one event."""
        return [line for line in self.lines() if line.get("event") == event]

    @property
    def url(self) -> str:
        """Base URL of the api, or of the probes and metrics of another service."""
        started = self.logged(f"{self._service}_started")[-1]
        return str(started.get("url") or f"http://{HOST}:{started['probe_port']}")

    @property
    def port(self) -> int:
        """The port of :attr:`url`."""
        return int(self.url.rpartition(":")[2])

    def wait_until_started(self) -> None:
        """Wait until the service logs that it has started; for fixtures that are not asynchronous."""
        give_up_at = time.monotonic() + START_S
        while not self._has_started():
            assert time.monotonic() < give_up_at, self.log
            time.sleep(0.01)

    async def until_started(self) -> None:
        """Wait until the service logs that it has started."""
        await eventually(self._has_started, within_s=START_S)

    def _has_started(self) -> bool:
        assert not self.ended, self.log
        return bool(self.logged(f"{self._service}_started"))

    async def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send one request."""
        async with plain_http(self.url) as client:
            return await client.get(path, headers=headers)

    async def status(self, path: str) -> int:
        """The HTTP status of a GET; 0 without a response."""
        try:
            return (await self.get(path)).status_code
        except httpx.TransportError:
            assert not self.ended, self.log
            return 0

    async def find_metric(self, series: str) -> float | None:
        """The value of a series, name and labels as the exposition writes them; ``None`` without such a series."""
        lines = (line.rpartition(" ") for line in (await self.get("/metrics")).text.splitlines())
        return next((float(value) for name, _, value in lines if name == series), None)

    async def metric(self, series: str) -> float:
        """The value of a series that must be there, as :meth:`find_metric`."""
        value = await self.find_metric(series)
        assert value is not None, f"{series} is not exposed"
        return value

    def send(self, number: signal.Signals) -> None:
        """Send a signal; one that comes after the process has ended has no effect."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def terminate(self) -> None:
        """Send SIGTERM, as a kubelet does."""
        self.send(signal.SIGTERM)

    async def stop(self) -> int:
        """Send SIGTERM and wait.

        Returns:
            The exit code.
        """
        self.terminate()
        return await self.wait()

    async def wait(self, within_s: float = STOP_S) -> int:
        """Wait until the process has ended.

        Returns:
            The exit code.
        """
        await eventually(lambda: self.ended, within_s)
        return self.process.returncode

    def kill(self) -> None:
        """End the process at once (SIGKILL), as the loss of its machine would."""
        if not self.ended:
            self.process.kill()
            self.process.wait()


def start(module: str, store_url: str, log_path: Path, **environ: str) -> ServiceProcess:
    """Start a service on free ports of loopback, without waiting for it."""
    return ServiceProcess(module, log_path, service_environment(module, store_url) | environ)


@contextmanager
def running(module: str, store_url: str, log_path: Path, **environ: str) -> Iterator[ServiceProcess]:
    """A started service on free ports of loopback, killed at the end."""
    service = start(module, store_url, log_path, **environ)
    try:
        service.wait_until_started()
        yield service
    finally:
        service.kill()


def service_environment(module: str, store_url: str = "") -> dict[str, str]:
    """The variables of a service on free ports of loopback."""
    prefix = f"TASKYARD_{module.removeprefix('queue').upper()}"
    ports = (
        {"TASKYARD_API_PORT": str(find_free_port())}
        if module == "queueapi"
        else {f"{prefix}_PROBE_HOST": HOST, f"{prefix}_PROBE_PORT": "0"}
    )
    store = {"TASKYARD_REDIS_URL": store_url} if store_url else {}
    return {"TASKYARD_LOG_FORMAT": "json", **store, **ports}


def clean_environment() -> dict[str, str]:
    """The environment of this process without variables of Taskyard, and without those that only the tests need."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TASKYARD_", "GRPC_"))}


def plain_http(url: str = "", timeout_s: float = 10.0) -> httpx.AsyncClient:
    """A client for services on this machine. It loads no certificates, which takes longer than most requests."""
    return httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=False, verify=False)


def _parse(line: str) -> dict[str, Any]:
    if not line.endswith("\n"):
        return {}
    try:
        parsed = json.loads(line)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
