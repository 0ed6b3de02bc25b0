"""Probe server of a background service: ``/live``, ``/ready`` and ``/metrics``.

Threads answer the requests, so that a blocked event loop is reported and not mistaken for a network failure. Their
number is bounded: a connection beyond it takes the place of the oldest, so that idle or slow clients cannot shut out
kubelets.
"""

from __future__ import annotations

import asyncio
import io
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, TextIO
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import msgspec
import structlog
from prometheus_client import CollectorRegistry

from queuecore.errors import ConfigError
from queuecore.observe.metrics.text import write_metrics

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger()

Probe = Callable[[], str | None]
"""Returns the problem, or ``None`` without one. Called from other threads."""

_SHUTDOWN_POLL_S = 0.1
_CLIENT_TIMEOUT_S = 10
MAX_CONNECTIONS = 16
"""Connections, and threads, at once."""
_MAX_HEAD_BYTES = 16 * 1024
_MAX_ECHO = 80
"""Characters of a request that an error repeats."""


class ProbeServer:
    """Answers kubelets and Prometheus.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        live: reports why the process should be restarted.
        ready: reports why the process is not ready.
        registry: holds the process's metrics.
    """

    def __init__(self, host: str, port: int, live: Probe, ready: Probe, registry: CollectorRegistry) -> None:
        self.host = host
        self._port = port
        self._server: _Server | None = None
        self._routes: dict[str, WSGIApplication] = {
            "/live": _probe_app(live),
            "/ready": _probe_app(ready),
            "/metrics": _metrics_app(registry),
        }

    @property
    def port(self) -> int:
        """The port in use; before the start, the configured one."""
        return self._server.server_port if self._server else self._port

    def start(self) -> None:
        """Start answering requests.

        Raises:
            ConfigError: the address or the port is not available.
        """
        try:
            self._server = _Server(self.host, self._port)
        except OSError as error:
            raise ConfigError(
                f"the probes cannot listen on port {self._port} of {self.host}: {error.strerror or error}"
            ) from error
        self._server.set_app(self._answer)
        threading.Thread(
            target=self._server.serve_forever, args=(_SHUTDOWN_POLL_S,), name="probes", daemon=True
        ).start()

    def stop(self) -> None:
        """Stop answering; no effect before the start or after a stop."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        route = self._routes.get(path)
        if route is None:
            return _refuse(start_response, "404 Not Found", "NOT_FOUND", f"there is nothing at {_cut(path)}")
        if method not in ("GET", "HEAD"):
            return _refuse(start_response, "405 Method Not Allowed", "METHOD_NOT_ALLOWED", f"{path} takes GET and HEAD")
        try:
            body = route(environ | {"REQUEST_METHOD": "GET"}, start_response)
        except Exception:
            log.exception("probe_failed", path=path)
            return _refuse(start_response, "500 Internal Server Error", "INTERNAL_ERROR", "the probe has failed")
        return body if method == "GET" else []


class LoopHeartbeat:
    """Heartbeat of the event loop, for probes in other threads.

    Args:
        clock: the monotonic clock, in seconds.
        interval_s: time between beats.
    """

    def __init__(self, clock: Callable[[], float], interval_s: float = 0.5) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._beat_at = clock()

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self._beat_at = self._clock()
            await asyncio.sleep(self._interval_s)

    def stalled_s(self) -> float:
        """Return the time since the next beat was due; 0 before that."""
        return max(0.0, self._clock() - self._beat_at - self._interval_s)


class _Server(WSGIServer):
    """Answers each connection in a thread of its own, and at most ``MAX_CONNECTIONS`` at once."""

    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._lock = threading.Lock()
        self._open: dict[socket.socket, None] = {}
        """The connections, oldest first."""
        super().__init__((host, port), _RequestHandler)

    def server_bind(self) -> None:
        # Not HTTPServer's: it resolves our own name, which takes seconds while DNS is unreachable.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread; without a free slot the oldest connection is cut."""
        if not self._slots.acquire(blocking=False):
            self._cut_oldest()
            self._slots.acquire()
        with self._lock:
            self._open[request] = None
        threading.Thread(target=self._serve, args=(request, client_address), name="probe", daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's
        """Log a fault in one line; a client that goes away or is too slow is none."""
        log.debug("probe_connection_failed", error=repr(sys.exception()))

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except Exception:  # noqa: BLE001 - whatever a client does, the thread ends in order
            self.handle_error(request, client_address)
        finally:
            with self._lock:
                del self._open[request]
            self.shutdown_request(request)
            self._slots.release()

    def _cut_oldest(self) -> None:
        with self._lock, suppress(StopIteration, OSError):
            next(iter(self._open)).shutdown(socket.SHUT_RDWR)


class _Head(io.BufferedIOBase):
    """The bytes of a request, which end after ``_MAX_HEAD_BYTES``: probes read no bodies."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._left = _MAX_HEAD_BYTES

    def readline(self, size: int | None = -1, /) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        line = self._stream.readline(wanted)
        self._left -= len(line)
        return line

    def close(self) -> None:
        self._stream.close()
        super().close()


class _RequestHandler(WSGIRequestHandler):
    timeout = _CLIENT_TIMEOUT_S
    error_content_type = "application/json"

    def setup(self) -> None:
        super().setup()
        self.rfile = _Head(self.rfile)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - the base class's
        """Refuse what is not HTTP."""
        body = msgspec.json.encode(
            {"error": _cut(message or HTTPStatus(code).phrase), "code": "INVALID_REQUEST", "details": {}}
        )
        self.send_response(code, HTTPStatus(code).phrase)
        self.send_header("Connection", "close")
        self.send_header("Content-Type", self.error_content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def get_stderr(self) -> TextIO:
        """Where tracebacks go of clients that read too slowly: nowhere, because they are long and not JSON."""
        return io.StringIO()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Log nothing: kubelets probe every few seconds."""


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_ECHO else f"{text[: _MAX_ECHO - 3]}..."


def _probe_app(probe: Probe) -> WSGIApplication:
    def answer(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        problem = probe()
        if problem is None:
            return _reply(start_response, "200 OK", {"status": "ok"})
        return _reply(start_response, "503 Service Unavailable", {"status": "error", "message": problem})

    return answer


def _metrics_app(registry: CollectorRegistry) -> WSGIApplication:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        accept, encoding = environ.get("HTTP_ACCEPT", ""), environ.get("HTTP_ACCEPT_ENCODING", "")
        body, headers = write_metrics(registry, accept, encoding)
        start_response("200 OK", [*headers.items(), ("Content-Length", str(len(body)))])
        return [body]

    return answer


def _refuse(start_response: StartResponse, status: str, code: str, message: str) -> Iterable[bytes]:
    return _reply(start_response, status, {"error": message, "code": code, "details": {}})


def _reply(start_response: StartResponse, status: str, content: object) -> Iterable[bytes]:
    body = msgspec.json.encode(content)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    if status.startswith("405"):
        headers.append(("Allow", "GET, HEAD"))
    start_response(status, headers)
    return [body]
