"""A real PostgreSQL server, Debian's, for the tests of a session."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from queuecore.child import bind_to_parent
from queuecore.embedded import HOST, find_free_port

START_S = 30.0
POLL_S = 0.05
OWNER = "postgres"
"""Debian's user: PostgreSQL refuses to run as root."""
SUPERUSER = "tester"


def find_binaries() -> Path | None:
    """The folder of PostgreSQL's programs; Debian keeps them out of the path."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def run_postgresql(binaries: Path) -> Iterator[str]:
    """Run a server with an empty database, and yield its address without a scheme: ``//user@host:port/name``."""
    user = OWNER if os.geteuid() == 0 else None
    # Not pytest's folder, which other users cannot enter.
    folder = Path(tempfile.mkdtemp(prefix="taskyard-postgresql-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        data, port = folder / "data", find_free_port()
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", SUPERUSER, "--auth=trust", "--locale=C", "-E", "UTF8", "--no-sync"],
            user=user,
            cwd=folder,
            check=True,
            capture_output=True,
        )
        server: list[str | Path] = [binaries / "postgres", "-D", data, "-p", str(port), "-h", HOST, "-k", "", "-F"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                server,
                user=user,
                cwd=folder,
                stdout=log,
                stderr=log,
                preexec_fn=bind_to_parent(),  # noqa: PLW1509 - takes no lock
            )
        try:
            _wait_until_ready(process, binaries, port, folder / "log")
            yield f"//{SUPERUSER}@{HOST}:{port}/postgres"
        finally:
            process.terminate()
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(process: subprocess.Popen[bytes], binaries: Path, port: int, log: Path) -> None:
    ends_at = time.monotonic() + START_S
    while subprocess.run([binaries / "pg_isready", "-q", "-h", HOST, "-p", str(port)], check=False).returncode:
        is_starting = process.poll() is None and time.monotonic() < ends_at
        assert is_starting, log.read_text(errors="replace")
        time.sleep(POLL_S)
