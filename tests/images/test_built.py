from __future__ import annotations

import json
from typing import Any

import pytest

from tests.images.podman import BUILD_TIMEOUT_S, HARDENED, SERVICES, Podman

pytestmark = pytest.mark.timeout(5 * BUILD_TIMEOUT_S)

each_service = pytest.mark.parametrize("service", SERVICES)


def inspect(podman: Podman, image: str) -> dict[str, Any]:
    (found,) = json.loads(podman("image", "inspect", image))
    return dict(found)


def try_in(podman: Podman, image: str, *command: str) -> int:
    return podman.try_to("run", "--rm", *HARDENED, f"--entrypoint={command[0]}", image, *command[1:]).returncode


@each_service
def test_image_says_who_runs_it_and_how_it_stops(podman: Podman, images: dict[str, str], service: str) -> None:
    configuration = inspect(podman, images[service])["Config"]
    assert configuration["User"] == "65532:65532"
    assert configuration["StopSignal"] in ("SIGTERM", "15")
    assert configuration["Entrypoint"] == [f"taskyard-{service}"]
    assert configuration["ExposedPorts"].keys() == {"8080/tcp" if service == "api" else "9090/tcp"}
    assert configuration["Labels"]["org.opencontainers.image.title"] == f"taskyard/{service}"
    assert "PIP_CERT" not in str(configuration["Env"])


@each_service
def test_image_has_no_compiler_no_pip_and_no_cache_of_its_own(
    podman: Podman, images: dict[str, str], service: str
) -> None:
    image = images[service]
    for name in ("gcc", "cc", "g++", "make"):
        assert try_in(podman, image, "sh", "-c", f"command -v {name}") != 0
    assert try_in(podman, image, "python", "-c", "import pip") != 0
    assert try_in(podman, image, "sh", "-c", "test -e /root/.cache || test -e /build || test -e /opt/reload") != 0


@each_service
def test_image_holds_its_own_service_only(podman: Podman, images: dict[str, str], service: str) -> None:
    for each in SERVICES:
        found = try_in(podman, images[service], "python", "-c", f"import queue{each}")
        assert (found == 0) is (each == service)
    assert try_in(podman, images[service], "python", "-c", "import pytest") != 0


@each_service
def test_service_refuses_a_wrong_setting_with_code_two(podman: Podman, images: dict[str, str], service: str) -> None:
    wrong = f"--env=TASKYARD_{service.upper()}_NONSENSE=1"
    done = podman.try_to("run", "--rm", *HARDENED, wrong, images[service])
    assert done.returncode == 2
    assert f"TASKYARD_{service.upper()}_NONSENSE: there is no such variable" in done.stderr
