"""A relay as a process, and a gate in front of the API that keeps answers back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from queuecore.child import bind_to_parent
from queuecore.embedded import HOST


class RelayProcess:
    def __init__(self, database_url: str, url: str, log: Path, *arguments: str) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "taskyard.outbox", *arguments],
                env={**os.environ, "TASKYARD_URL": url, "TASKYARD_OUTBOX_DATABASE_URL": database_url},
                stdout=output,
                stderr=output,
                preexec_fn=bind_to_parent(),  # noqa: PLW1509 - takes no lock
            )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    def wait(self) -> int:
        return self._process.wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class Gate:
    """Forwards calls to the API. While it is shut, the API executes them, and the answers do not arrive."""

    def __init__(self, url: str) -> None:
        self.executed = threading.Event()
        """Set when the API has executed a call whose answer is kept back."""
        self._shut = threading.Event()
        self._shut.set()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = httpx.post(url + self.path, content=body, trust_env=False)
                if gate._shut.is_set():
                    assert answer.status_code == 200, answer.text
                    gate.executed.set()
                    self.rfile.read(1)  # until the caller is gone
                    return
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
