import asyncio
import contextlib
import gzip
import socket
import struct
import threading
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from queuecore.errors import ConfigError
from queuecore.observe.probes import MAX_CONNECTIONS, LoopHeartbeat, ProbeServer


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Health:
    def __init__(self) -> None:
        self.problem: str | None = None

    def __call__(self) -> str | None:
        return self.problem


@pytest.fixture
def live() -> Health:
    return Health()


@pytest.fixture
def ready() -> Health:
    return Health()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def client(live: Health, ready: Health, registry: CollectorRegistry) -> Iterator[httpx.Client]:
    server = ProbeServer("127.0.0.1", 0, live, ready, registry)
    server.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client:
        yield client
    server.stop()


@pytest.mark.parametrize("path", ["/live", "/ready"])
def test_probe_answers_ok_when_nothing_is_wrong(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"status": "ok"}


def test_probe_answers_503_with_the_reason_when_something_is_wrong(
    client: httpx.Client, live: Health, ready: Health
) -> None:
    ready.problem = "redis connection failed"
    response = client.get("/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "error", "message": "redis connection failed"}
    assert client.get("/live").status_code == 200
    live.problem = "event loop stalled for 12.3 s"
    assert client.get("/live").json()["message"] == "event loop stalled for 12.3 s"


@pytest.mark.parametrize("path", ["/live", "/ready", "/metrics"])
def test_probe_sends_no_body_when_asked_with_head(client: httpx.Client, path: str) -> None:
    response = client.head(path)
    assert response.status_code == 200
    assert response.content == b""


def test_metrics_are_prometheus_text_when_nothing_is_asked_for(
    client: httpx.Client, registry: CollectorRegistry
) -> None:
    Counter("demo_total", "Demo.", registry=registry).inc(3)
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "demo_total 3.0" in response.text


def test_metrics_are_openmetrics_when_asked_for(client: httpx.Client) -> None:
    response = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert response.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert response.text.endswith("# EOF\n")


def test_metrics_are_compressed_when_asked_for(client: httpx.Client) -> None:
    with client.stream("GET", "/metrics", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["content-encoding"] == "gzip"
        gzip.decompress(b"".join(response.iter_raw()))


@pytest.mark.parametrize("path", ["/", "/live/", "/health", "/metrics/x"])
def test_error_has_the_contracts_form_when_there_is_no_such_path(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.json() == {"error": f"there is nothing at {path}", "code": "NOT_FOUND", "details": {}}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/live", "/metrics"])
def test_error_has_the_contracts_form_when_the_method_is_wrong(client: httpx.Client, method: str, path: str) -> None:
    response = client.request(method, path)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"
    assert response.json() == {
        "error": f"{path} takes GET and HEAD",
        "code": "METHOD_NOT_ALLOWED",
        "details": {},
    }


def test_error_has_the_contracts_form_when_a_probe_fails(live: Health, registry: CollectorRegistry) -> None:
    def broken() -> str | None:
        raise RuntimeError("secret")

    server = ProbeServer("127.0.0.1", 0, live, broken, registry)
    server.start()
    with contextlib.closing(httpx.Client(trust_env=False)) as client:
        response = client.get(f"http://127.0.0.1:{server.port}/ready")
    server.stop()
    assert response.status_code == 500
    assert response.json() == {"error": "the probe has failed", "code": "INTERNAL_ERROR", "details": {}}


def test_error_has_the_contracts_form_when_the_request_is_not_http(client: httpx.Client) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
        connection.sendall(b"nonsense in four words\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert b'"code":"INVALID_REQUEST"' in answer


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /" + 20_000 * b"x" + b" HTTP/1.1",
        9_000 * b"x ",
        b"GET / HTTP/" + 9_000 * b"x",
        9_000 * b"x" + b" / HTTP/1.1",
    ],
    ids=["path", "words", "version", "method"],
)
def test_error_repeats_little_when_the_request_is_long(client: httpx.Client, request_line: bytes) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
        connection.sendall(request_line + b"\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert connection.makefile("rb").read().count(b"x") < 1_024


def test_threads_are_bounded_and_probes_answered_when_hundreds_of_clients_say_nothing(client: httpx.Client) -> None:
    before = threading.active_count()
    address = (client.base_url.host, client.base_url.port or 0)
    with contextlib.ExitStack() as silent:
        for _ in range(300):
            silent.enter_context(socket.create_connection(address))
        assert client.get("/live").status_code == 200
        assert threading.active_count() - before <= MAX_CONNECTIONS


def test_nothing_is_printed_when_clients_go_away_or_never_read(
    client: httpx.Client, registry: CollectorRegistry, capfd: pytest.CaptureFixture[str]
) -> None:
    Counter("long_total", 1_000_000 * "x", registry=registry)
    address = (client.base_url.host, client.base_url.port or 0)
    for number in range(2 * MAX_CONNECTIONS):
        with socket.create_connection(address) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n" if number % 2 else b"GET /live")
    assert client.get("/live").status_code == 200
    assert "Traceback" not in capfd.readouterr().err


async def test_probe_reports_the_stall_when_the_event_loop_is_blocked(client: httpx.Client, live: Health) -> None:
    clock = Clock()
    heartbeat = LoopHeartbeat(clock)
    beating = asyncio.create_task(heartbeat.run())
    await asyncio.sleep(0)
    clock.now_s += 12.8
    live.problem = f"event loop stalled for {heartbeat.stalled_s():.1f} s"
    response = client.get("/live")  # noqa: ASYNC212 - it blocks the loop, which is the point
    beating.cancel()
    assert response.json() == {"status": "error", "message": "event loop stalled for 12.3 s"}


def test_start_is_refused_when_the_port_is_taken(live: Health, registry: CollectorRegistry) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = ProbeServer("127.0.0.1", port, live, live, registry)
        with pytest.raises(ConfigError, match=f"cannot listen on port {port} of 127.0.0.1: Address already in use"):
            server.start()
    server.stop()


def test_server_has_ended_when_it_was_stopped(live: Health, registry: CollectorRegistry) -> None:
    server = ProbeServer("127.0.0.1", 0, live, live, registry)
    server.start()
    port = server.port
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


async def test_heartbeat_is_overdue_when_the_loop_does_not_turn() -> None:
    clock = Clock()
    heartbeat = LoopHeartbeat(clock, interval_s=0.5)
    clock.now_s += 13.0
    assert heartbeat.stalled_s() == 12.5


async def test_heartbeat_is_not_overdue_when_the_loop_turns() -> None:
    clock = Clock()
    heartbeat = LoopHeartbeat(clock, interval_s=0)
    beating = asyncio.create_task(heartbeat.run())
    for _ in range(3):
        clock.now_s += 13.0
        assert heartbeat.stalled_s() > 0
        await asyncio.sleep(0)
        assert heartbeat.stalled_s() == 0
    beating.cancel()
