"""A service that is starting, as a plain process or as the first process of a PID namespace, as in a container."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from queuecore.child import bind_to_parent
from queuecore.testing.waiting import eventually
from tests.support.service_process import REPOSITORY, clean_environment

_AS_PID_1 = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
_SIGTERM_BIT = 1 << (signal.SIGTERM - 1)
_START_S = 30.0
_END_S = 20.0


def skip_without_namespaces() -> None:
    """Skip a test where this process may not create PID namespaces."""
    try:
        tried = subprocess.run([*_AS_PID_1, "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("SIGTERM to the first process of a container was not tested: it needs unshare, of util-linux")
    if tried.returncode:
        pytest.skip(f"SIGTERM to the first process of a container was not tested: {tried.stderr.strip()}")


class StartingProcess:
    """``python -m <module>`` from its first instruction on; it dies with the tests.

    Args:
        module: the package to run.
        log_path: receives stdout and stderr.
        environ: variables of the service.
        as_pid_1: run it as the first process of a PID namespace, where the kernel drops SIGTERM without a handler.
    """

    def __init__(self, module: str, log_path: Path, environ: Mapping[str, str], *, as_pid_1: bool) -> None:
        self._log_path = log_path
        self._as_pid_1 = as_pid_1
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [*(_AS_PID_1 if as_pid_1 else []), sys.executable, "-m", module],
                env={**clean_environment(), **environ},
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=bind_to_parent(),  # noqa: PLW1509 - takes no lock
            )
        self._pid = 0

    @property
    def log(self) -> str:
        """Everything logged so far."""
        return self._log_path.read_text()

    async def until_sigterm_is_handled(self) -> None:
        """Wait until SIGTERM has a handler, and assert that the service imports no extension module before it."""
        await eventually(self._has_pid, within_s=_START_S)
        await eventually(self._handles_sigterm, within_s=_START_S)

    async def terminate(self) -> int:
        """Send SIGTERM once, wait, and return the exit code."""
        os.kill(self._pid, signal.SIGTERM)
        await eventually(lambda: self._process.poll() is not None, within_s=_END_S)
        return self._process.returncode

    def kill(self) -> None:
        """End the process at once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _has_pid(self) -> bool:
        assert self._process.poll() is None, self.log
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split() if self._as_pid_1 else [parent]
        self._pid = int(children[0]) if children else 0
        return self._pid != 0

    def _handles_sigterm(self) -> bool:
        assert self._process.poll() is None, self.log
        # The files are read in this order: what is mapped before the handler exists is seen without the handler.
        mapped = Path(f"/proc/{self._pid}/maps").read_text()
        status = Path(f"/proc/{self._pid}/status").read_text()
        (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
        handled = bool(int(caught, 16) & _SIGTERM_BIT)
        assert handled or "site-packages" not in mapped, "the service imports libraries before it handles SIGTERM"
        return handled
