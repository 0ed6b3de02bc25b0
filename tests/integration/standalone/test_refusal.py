from __future__ import annotations

import os
import socket
from pathlib import Path

from queuecore.embedded import HOST
from queuestandalone.data_dir import DataDir
from tests.support.standalone_process import StandaloneProcess


async def test_start_names_the_port_and_its_variable_when_it_is_in_use(tmp_path: Path) -> None:
    standalone = StandaloneProcess(tmp_path)
    with socket.create_server((HOST, standalone.port)):
        async with standalone:
            assert await standalone.wait() == 2

    assert (
        f"TASKYARD_API_PORT: port {standalone.port} of 127.0.0.1 cannot be used: address already in use"
        in standalone.log
    )
    assert "process_started" not in standalone.log


async def test_start_names_the_variable_when_its_value_is_wrong(tmp_path: Path) -> None:
    async with StandaloneProcess(tmp_path, {"TASKYARD_WORKER_PROBE_PORT": "none"}) as standalone:
        assert await standalone.wait() == 2

    assert "TASKYARD_WORKER_PROBE_PORT: expected an integer, at least 1, at most 65535, got 'none'" in standalone.log
    assert "process_started" not in standalone.log


async def test_start_fails_when_a_service_rejects_its_settings(tmp_path: Path) -> None:
    async with StandaloneProcess(tmp_path, {"TASKYARD_WORKER_SLOTS": "many"}) as standalone:
        assert await standalone.wait() == 2

    assert "TASKYARD_WORKER_SLOTS: expected an integer" in standalone.log
    assert "the worker cannot use its settings, see above" in standalone.log
    assert not list((tmp_path / "data" / "run").glob("*.pid"))


async def test_start_names_the_folder_when_another_instance_holds_its_lock(tmp_path: Path) -> None:
    DataDir(tmp_path / "data")

    async with StandaloneProcess(tmp_path) as second:
        assert await second.wait() == 2

    assert f"{tmp_path / 'data'} is in use by another Taskyard, process {os.getpid()}" in second.log


async def test_start_names_the_folder_when_it_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    async with StandaloneProcess(tmp_path, {"TASKYARD_DATA_DIR": str(tmp_path / "file" / "data")}) as standalone:
        assert await standalone.wait() == 2

    assert f"TASKYARD_DATA_DIR: {tmp_path / 'file' / 'data'} cannot be written: Not a directory" in standalone.log


async def test_start_shows_the_log_when_the_valkey_data_is_corrupt(tmp_path: Path) -> None:
    aof = tmp_path / "data" / "valkey" / "appendonlydir"
    aof.mkdir(parents=True)
    (aof / "appendonly.aof.manifest").write_text("no manifest\n")

    async with StandaloneProcess(tmp_path) as standalone:
        assert await standalone.wait() == 1

    assert "the embedded Valkey ended while starting, its log:" in standalone.log
    assert "Invalid AOF manifest file format" in standalone.log


def test_data_dir_removes_stale_pid_files_when_the_last_run_was_killed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "worker.pid").write_text("1\n")

    data = DataDir(tmp_path)

    assert not data.pid_path("worker").exists()
