"""A real Prometheus on a free port of loopback, independent of any server of the machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from queuecore.embedded import HOST, find_free_port
from tests.monitoring.waiting import wait_until


def find_binary(name: str) -> str:
    """Path of a program of Prometheus; skips the test if it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name}: what needs a real one is NOT tested (apt-get install prometheus)")
    return found


class Sample(NamedTuple):
    """One sample of a query result."""

    labels: Mapping[str, str]
    value: float


class QueryFailed(Exception):
    """Prometheus rejects the query; the message is its response."""


class PrometheusServer:
    """A running Prometheus."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def query(self, expression: str) -> list[Sample]:
        """Evaluate an expression at the current time.

        Raises:
            QueryFailed: the expression is wrong.
        """
        result = self._get("/api/v1/query", query=expression)
        if result["resultType"] == "scalar":
            return [Sample({}, float(result["result"][1]))]
        return [Sample(each["metric"], float(each["value"][1])) for each in result["result"]]

    def targets(self) -> dict[str, str]:
        """Health of the target of each pod: up, down or unknown."""
        active = self._get("/api/v1/targets")["activeTargets"]
        return {each["labels"]["pod"]: each["health"] for each in active}

    def rules(self) -> list[dict[str, Any]]:
        """All rules with their health."""
        groups = self._get("/api/v1/rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def is_ready(self) -> bool:
        """Whether it answers queries."""
        try:
            return self._http.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def _get(self, path: str, **parameters: str) -> Any:
        answer = self._http.get(path, params=parameters).json()
        if answer["status"] != "success":
            raise QueryFailed(f"{parameters}: {answer['error']}")
        return answer["data"]


@contextmanager
def running_prometheus(folder: Path, config: Mapping[str, Any]) -> Iterator[PrometheusServer]:
    """Run a Prometheus with its own configuration and folder."""
    binary = find_binary("prometheus")
    file, log_path = folder / "prometheus.yml", folder / "prometheus.log"
    file.write_text(yaml.safe_dump(dict(config)))
    address = f"{HOST}:{find_free_port()}"
    options = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"]
    with log_path.open("wb") as log:
        process = subprocess.Popen([binary, *options], stdout=log, stderr=log)
    server = PrometheusServer(f"http://{address}")
    try:
        wait_until(lambda: server.is_ready() or process.poll() is not None, log_path.read_text)
        assert process.poll() is None, log_path.read_text()
        yield server
    finally:
        server.close()
        process.kill()
        process.wait()
