from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from queuecore.embedded import EmbeddedValkey
from tests.images.podman import ROOT, SERVICES, Podman

DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
OWN_BASE = "localhost/taskyard-base"
_TAG = "tests"


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Podman:
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed: no image is built or run")
    return Podman(tmp_path_factory.mktemp("podman"))


@pytest.fixture(scope="session")
def base(podman: Podman) -> str:
    """The base image: the one of the Dockerfile, or a local build."""
    (usual,) = re.findall(r"(?m)^ARG BASE=(.*)$", DOCKERFILE.read_text(encoding="utf-8"))
    for name in (usual, OWN_BASE):
        if podman.has_image(name):
            return str(name)
    pytest.skip(f"no base image is here: pull {usual}, or run deploy/docker/make-base.sh {OWN_BASE}")


@pytest.fixture(scope="session")
def images(podman: Podman, base: str) -> dict[str, str]:
    """Build all images; their names by service."""
    found = {each: f"localhost/taskyard/{each}:{_TAG}" for each in SERVICES}
    for service, name in found.items():
        podman.build(name, f"--file={DOCKERFILE}", f"--target={service}", *_build_arguments(base))
    return found


@pytest.fixture(scope="session")
def dev_image(podman: Podman, base: str) -> str:
    """The worker image that restarts when its sources change."""
    name = f"localhost/taskyard/worker-dev:{_TAG}"
    podman.build(name, f"--file={DOCKERFILE}", "--target=dev", "--build-arg=SERVICE=worker", *_build_arguments(base))
    return name


@pytest.fixture(scope="session")
def example_image(podman: Podman, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of the example, based on the built worker image."""
    folder = ROOT / "examples" / "02-worker-image"
    text = (folder / "Dockerfile").read_text(encoding="utf-8")
    file = tmp_path_factory.mktemp("example") / "Dockerfile"
    file.write_text(re.sub(r"(?m)^FROM .*$", f"FROM {images['worker']}", text), encoding="utf-8")
    name = f"localhost/example/greetings:{_TAG}"
    podman.build(name, f"--file={file}", context=folder)
    return name


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


def _build_arguments(base: str) -> list[str]:
    """Pip configuration of this machine, for the build."""
    arguments = [f"--build-arg=BASE={base}"]
    arguments += [f"--build-arg={name}={os.environ[name]}" for name in ("PIP_INDEX_URL",) if name in os.environ]
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    return [*arguments, f"--build-arg=PIP_CERT={certificates}"] if certificates.exists() else arguments
