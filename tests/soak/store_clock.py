"""The clock of the store's server, which jumps: libfaketime, preloaded into the server alone."""

from __future__ import annotations

import shlex
from pathlib import Path

from queuecore.embedded import find_server

_LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"
"""Where Debian's package ``libfaketime`` has it."""


class StoreClock:
    """A server whose clock can be moved.

    Args:
        folder: for the file with the offset and the script that starts the server.
    """

    def __init__(self, folder: Path) -> None:
        self._offset_path = folder / "clock"
        self._library = next(Path("/").glob(_LIBRARIES.lstrip("/")), None)
        self.binary: Path | None = None
        """Starts the server with this clock; ``None`` without libfaketime."""
        if self._library is not None:
            self.move(0)
            self.binary = self._write_script(folder / "valkey-server")

    def move(self, offset_s: int) -> None:
        """Set how far the server's clock is ahead of this machine's."""
        new = self._offset_path.with_suffix(".new")
        new.write_text(f"{offset_s:+d}\n")
        new.replace(self._offset_path)

    def _write_script(self, path: Path) -> Path:
        variables = {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": self._offset_path.absolute(),
            "FAKETIME_NO_CACHE": 1,
            "FAKETIME_DONT_FAKE_MONOTONIC": 1,
        }
        exports = "".join(f"export {name}={shlex.quote(str(value))}\n" for name, value in variables.items())
        path.write_text(f'#!/bin/sh\n{exports}exec {shlex.quote(str(find_server()))} "$@"\n')
        path.chmod(0o755)
        return path
