from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as NotConnected
from redis.retry import Retry

from queuecore.embedded import find_free_port, find_server
from tests.chart.helm import CHART, Helm

SCRIPTS = CHART / "files" / "scripts"
PASSWORD = 'a "quoted" \\ pass$word'
PATIENCE_S = 20
COMPLETED = {"id": "1", "state": "completed"}

Answers = dict[str, list[tuple[int, dict[str, Any]]]]


class Server(ThreadingHTTPServer):
    """Responds to each path with its responses in turn, and repeats the last one."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.asked: list[tuple[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Discard the log."""

    def _answer(self, body: Any) -> None:
        self.server.asked.append((self.path, body))
        answers = self.server.answers[self.path]
        status, content = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


@pytest.fixture
def server() -> Iterator[Server]:
    opened = Server({})
    thread = threading.Thread(target=opened.serve_forever, args=(0.05,))
    thread.start()
    yield opened
    opened.shutdown()
    thread.join()
    opened.server_close()


def run(script: str, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", (SCRIPTS / script).read_text(encoding="utf-8"), *arguments],
        env=dict(os.environ) | (environ or {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_demo_script_waits_until_workers_are_there_and_the_task_has_completed(server: Server) -> None:
    server.answers = {
        "/api/v1/tasks": [(503, {}), (400, {"code": "INVALID_TASK_TYPE"}), (201, {"task_id": "1"})],
        "/api/v1/tasks/1": [(200, {"id": "1", "state": "pending"}), (200, COMPLETED)],
    }
    done = run("post_demo_task.py", f"http://127.0.0.1:{server.server_port}", "low")
    assert (done.returncode, done.stdout) == (0, "task 1 has completed\n")
    assert server.asked[0] == (
        "/api/v1/tasks",
        {"type": "demo", "payload": {"message": "helm test", "count": 1}, "queue": "low"},
    )


def test_demo_script_fails_when_the_task_does(server: Server) -> None:
    server.answers = {
        "/api/v1/tasks": [(201, {"task_id": "1"})],
        "/api/v1/tasks/1": [(200, {"id": "1", "state": "archived", "last_err": "broken"})],
    }
    done = run("post_demo_task.py", f"http://127.0.0.1:{server.server_port}", "default")
    assert done.returncode == 1
    assert "the task has not completed" in done.stderr
    assert "broken" in done.stderr


def test_wait_script_ends_when_the_kind_is_served(server: Server, tmp_path: Path) -> None:
    _encrypt(server, tmp_path)
    (tmp_path / "token").write_text("secret", encoding="utf-8")
    path = "/apis/taskyard.dev/v1alpha1"
    server.answers = {path: [(404, {}), (404, {}), (200, {})]}
    script = (SCRIPTS / "wait_for_crd.py").read_text(encoding="utf-8")
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    done = subprocess.run(
        [sys.executable, "-c", script.replace(account, str(tmp_path)), path],
        env={"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(server.server_port)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(server.asked) == 3


def test_valkey_of_the_release_keeps_tasks_behind_its_password(helm: Helm, tmp_path: Path) -> None:
    port = find_free_port()
    process = _start_valkey(helm, tmp_path, port)
    try:
        client = _connect(port)
        _wait_until_it_answers(client, process)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("maxmemory") == {"maxmemory": str(64 * 1024**2)}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        client.set("kept", "1")
        client.close()
        with (
            pytest.raises(AuthenticationError, match="Authentication required"),
            Redis(port=port, protocol=2) as stranger,
        ):
            stranger.ping()
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
    again = _start_valkey(helm, tmp_path, port)
    try:
        with _connect(port) as client:
            _wait_until_it_answers(client, again)
            assert client.get("kept") == b"1"
    finally:
        again.terminate()
        again.wait(PATIENCE_S)


def _start_valkey(helm: Helm, folder: Path, port: int) -> subprocess.Popen[bytes]:
    """The container's own script, with its paths in ``folder``."""
    config = helm.render({"valkey": {"maxMemory": "64mb"}}).get("ConfigMap", "taskyard-valkey")["data"]
    paths = {
        each: folder / each.strip("/").replace("/", "-") for each in ("/run/secrets/valkey", "/etc/valkey", "/tmp")
    }
    paths["/data"] = folder / "data"
    for path in paths.values():
        path.mkdir(exist_ok=True)
    (paths["/run/secrets/valkey"] / "password").write_text(PASSWORD, encoding="utf-8")
    (paths["/etc/valkey"] / "valkey.conf").write_text(
        config["valkey.conf"].replace("/data", str(paths["/data"])) + f"\nport {port}\nbind 127.0.0.1",
        encoding="utf-8",
    )
    script = re.sub("|".join(paths), lambda found: str(paths[found[0]]), config["start.sh"])
    search = f"{find_server().parent}:{os.environ['PATH']}"
    return subprocess.Popen(["sh", "-c", script], env={"PATH": search}, stdout=subprocess.DEVNULL)


def _connect(port: int) -> Redis:
    return Redis(port=port, password=PASSWORD, socket_timeout=5, retry=Retry(NoBackoff(), 0))


def _wait_until_it_answers(client: Redis, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert process.poll() is None, "the server has ended"
        assert time.monotonic() < deadline
        try:
            client.ping()
        except NotConnected:
            time.sleep(0.02)
        else:
            return


def _encrypt(server: Server, folder: Path) -> None:
    """Serve with a certificate, stored in the folder as ``ca.crt``."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: there is no certificate to serve HTTPS with")
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
            "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", folder / "key.pem", "-out", folder / "ca.crt",
        ],
        capture_output=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.crt", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
