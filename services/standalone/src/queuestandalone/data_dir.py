"""Data folder: the embedded Valkey's data, the lock and the pid files."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from queuecore.errors import ConfigError

_VARIABLE = "TASKYARD_DATA_DIR"


class DataDir:
    """A data folder, locked by this process until it exits.

    Raises:
        ConfigError: the folder cannot be created or written, or another process holds its lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.valkey_path = self.path / "valkey"
        self._run_path = self.path / "run"
        try:
            self.valkey_path.mkdir(parents=True, exist_ok=True)
            self._run_path.mkdir(exist_ok=True)
            self._lock_fd = os.open(self._run_path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ConfigError(f"{_VARIABLE}: {self.path} cannot be written: {error.strerror}") from error
        self._lock()
        for stale in self._run_path.glob("*.pid"):
            stale.unlink()

    def pid_path(self, process: str) -> Path:
        """The pid file of ``process``; it exists while the process runs."""
        return self._run_path / f"{process}.pid"

    def _lock(self) -> None:
        try:
            # The kernel releases the lock when this process exits, even on SIGKILL.
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._lock_fd, 32, 0).decode() or "?"
            os.close(self._lock_fd)
            raise ConfigError(
                f"{_VARIABLE}: {self.path} is in use by another Taskyard, process {holder}; stop that one, or name "
                "another folder"
            ) from error
        os.ftruncate(self._lock_fd, 0)
        os.pwrite(self._lock_fd, str(os.getpid()).encode(), 0)
