from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_PARENT = """
import signal, sys
from pathlib import Path
from queuecore.embedded import EmbeddedValkey

server = EmbeddedValkey(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
signal.pause()
"""


def _start_parent(data_dir: Path) -> tuple[subprocess.Popen[str], int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(data_dir)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        return parent, int(parent.stdout.readline())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent, server_pid = _start_parent(tmp_path)
    watch = os.pidfd_open(server_pid)

    parent.kill()
    parent.wait()

    assert _ends(watch)


def test_server_lives_on_when_the_terminal_sends_ctrl_c(tmp_path: Path) -> None:
    parent, server_pid = _start_parent(tmp_path)
    try:
        os.kill(server_pid, signal.SIGINT)

        os.kill(server_pid, 0)
        assert b"Received SIGINT" not in (tmp_path / "server.log").read_bytes()
    finally:
        os.kill(server_pid, signal.SIGTERM)
        parent.terminate()
        parent.wait()


def _ends(pidfd: int, timeout_s: float = 10) -> bool:
    try:
        return bool(select.select([pidfd], [], [], timeout_s)[0])
    finally:
        os.close(pidfd)
