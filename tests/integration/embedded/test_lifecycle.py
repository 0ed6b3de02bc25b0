from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from queuecore.embedded import HOST, EmbeddedValkey, find_free_port
from tests.integration.embedded.resp import ask, configured


def test_start_answers_on_loopback_when_no_port_is_given(server: EmbeddedValkey) -> None:
    assert server.running
    assert server.url == f"redis://127.0.0.1:{server.port}/0"
    assert ask(server, "PING") == "+PONG"


def test_start_refuses_to_forget_tasks_when_memory_is_full(server: EmbeddedValkey) -> None:
    assert configured(server, "maxmemory-policy") == "noeviction"
    assert configured(server, "save") == ""
    assert configured(server, "appendfsync") == "everysec"


def test_start_listens_on_loopback_only_when_the_host_has_other_addresses(server: EmbeddedValkey) -> None:
    assert configured(server, "bind") == HOST


def test_start_does_nothing_when_the_server_runs(server: EmbeddedValkey) -> None:
    before = server.pid

    server.start()

    assert server.pid == before


def test_stop_keeps_port_and_data_when_started_again(server: EmbeddedValkey) -> None:
    port = server.port
    ask(server, "SET task one")

    server.stop()
    server.start()

    assert server.port == port
    assert ask(server, "GET task") == "one"


def test_kill_keeps_data_when_append_only(server: EmbeddedValkey) -> None:
    ask(server, "SET task one")

    server.kill()
    assert not server.running
    server.start()

    assert ask(server, "GET task") == "one"


def test_kill_loses_data_when_not_append_only(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as server:
        ask(server, "SET task one")
        server.kill()
        server.start()

        assert ask(server, "GET task") == "$-1"


def test_pause_holds_answers_back_when_connected(server: EmbeddedValkey) -> None:
    server.pause()
    with socket.create_connection((HOST, server.port), timeout=0.2) as connection:
        connection.sendall(b"PING\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(64)

    server.resume()

    assert ask(server, "PING") == "+PONG"


def test_stop_ends_the_server_when_it_is_paused(server: EmbeddedValkey) -> None:
    server.pause()

    server.stop()

    assert not server.running


def test_stop_does_nothing_when_the_server_has_ended(server: EmbeddedValkey) -> None:
    server.kill()

    server.stop()

    assert server.pid is None


def test_context_ends_the_server_when_left(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as server:
        pid = server.pid
        assert pid is not None

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_config_wins_when_it_names_a_line_of_ours(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path, config={"appendfsync": "always", "maxmemory": "64mb"}) as server:
        assert configured(server, "appendfsync") == "always"
        assert configured(server, "maxmemory") == str(64 * 1024 * 1024)


def test_start_counts_as_ready_when_a_password_is_asked_for(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path, config={"requirepass": "secret"}) as server:
        assert ask(server, "PING").startswith("-NOAUTH")


def test_port_is_kept_when_given(tmp_path: Path) -> None:
    port = find_free_port()

    with EmbeddedValkey(tmp_path, port=port) as server:
        assert server.port == port
        assert server.answers()
