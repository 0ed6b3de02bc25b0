from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from queuecore.testing.waiting import eventually
from tests.integration.packages.empty_environment import EmptyEnvironment
from tests.integration.packages.wheel import Wheel
from tests.support.service_process import REPOSITORY
from tests.support.standalone_process import StandaloneProcess

DISTRIBUTIONS = {
    "taskyard": "taskyard",
    "taskyard-api": "queueapi",
    "taskyard-controller": "queuecontroller",
    "taskyard-core": "queuecore",
    "taskyard-scheduler": "queuescheduler",
    "taskyard-standalone": "queuestandalone",
    "taskyard-worker": "queueworker",
}
BASE = {
    "anyio",
    "certifi",
    "h11",
    "httpcore",
    "httpx",
    "idna",
    "msgspec",
    "taskyard",
    "taskyard-core",
    "typing-extensions",
}
pytestmark = pytest.mark.timeout(180)

WITHOUT_GIT = 1580601600
APP = """
import msgspec
from taskyard import Context, DoNotRetry, Taskyard

app = Taskyard()

class Greeting(msgspec.Struct):
    name: str

@app.task("greet", queue="greetings", max_retries=2, timeout="10s")
async def greet(greeting: Greeting, context: Context) -> dict[str, str]:
    if not greeting.name:
        raise DoNotRetry("nobody to greet")
    return {"text": f"Hello, {greeting.name}!"}
"""
IMPORT_EACH = "import sys, importlib; print(*[importlib.import_module(each).__file__ for each in sys.argv[1:]])"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Wheel]:
    """All wheels of this checkout by the name of their distribution."""
    return _build(REPOSITORY, tmp_path_factory.mktemp("wheels"), {})


@pytest.fixture(scope="module")
def environment(wheels: dict[str, Wheel], tmp_path_factory: pytest.TempPathFactory) -> EmptyEnvironment:
    """An environment with ``taskyard[dev]`` only, installed from wheels."""
    wheelhouse = Path(sys.prefix) / "wheelhouse"
    if not (Path(sys.prefix) / ".wheelhouse").exists():
        pytest.skip("no wheel was installed: `make test` downloads the wheels that they depend on")
    folders = [wheels["taskyard"].path.parent, wheelhouse]
    environment = EmptyEnvironment(tmp_path_factory.mktemp("environment"), folders)
    environment.install("taskyard[dev]")
    return environment


def test_make_wheels_builds_one_wheel_of_each_distribution(wheels: dict[str, Wheel]) -> None:
    assert {name: wheel.package for name, wheel in wheels.items()} == DISTRIBUTIONS


def test_wheels_carry_the_time_of_the_last_commit(wheels: dict[str, Wheel]) -> None:
    log = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    committed = int(log.stdout or WITHOUT_GIT)
    for wheel in wheels.values():
        assert wheel.times == {committed // 2 * 2}


def test_wheels_have_the_same_bytes_when_they_are_built_elsewhere(wheels: dict[str, Wheel], tmp_path: Path) -> None:
    (time,) = wheels["taskyard"].times
    checkout = tmp_path / "checkout"
    for each in ("libs", "services"):
        skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(REPOSITORY / each, checkout / each, symlinks=True, ignore=skipped, copy_function=shutil.copy)
    for each in ("LICENSE", "Makefile"):
        shutil.copy(REPOSITORY / each, checkout)
    for path in checkout.rglob("*.py"):
        path.chmod(0o600)

    again = _build(checkout, tmp_path / "wheels", {"SOURCE_DATE_EPOCH": str(time), "TZ": "Asia/Kolkata"})

    assert again.keys() == wheels.keys()
    for name, wheel in wheels.items():
        assert again[name].files == wheel.files
        assert again[name].path.read_bytes() == wheel.path.read_bytes(), name


def test_wheels_hold_the_sources_and_the_license(wheels: dict[str, Wheel]) -> None:
    folders = {path.parent.name: path.parent for path in REPOSITORY.glob("*/*/src/*/__init__.py")}
    for wheel in wheels.values():
        source = folders[wheel.package]
        expected = {
            path.relative_to(source.parent).as_posix(): path.read_bytes()
            for path in source.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert {name: text for name, text in wheel.files.items() if ".dist-info/" not in name} == expected
        assert f"{wheel.package}/py.typed" in expected
        (license_text,) = [text for name, text in wheel.files.items() if name.endswith("/licenses/LICENSE")]
        assert license_text == (REPOSITORY / "LICENSE").read_bytes()


def test_packages_come_from_the_environment_when_only_wheels_are_installed(
    environment: EmptyEnvironment, wheels: dict[str, Wheel]
) -> None:
    files = environment.run("python", "-I", "-c", IMPORT_EACH, *DISTRIBUTIONS.values()).split()
    assert files == [str(environment.site / each / "__init__.py") for each in DISTRIBUTIONS.values()]
    installed = {path.name for path in environment.site.glob("taskyard*.dist-info")}
    assert len(installed) == len(wheels)


def test_commands_answer_when_only_wheels_are_installed(
    environment: EmptyEnvironment, wheels: dict[str, Wheel]
) -> None:
    commands = {command: wheel for wheel in wheels.values() for command in wheel.commands}
    assert commands.keys() >= {name for name in DISTRIBUTIONS if name not in ("taskyard", "taskyard-core")}
    for command, wheel in commands.items():
        assert environment.run(command, "--version").split() == [command, wheel.metadata["Version"]]
    assert "TASKYARD_WORKER_QUEUES" in environment.run("taskyard-worker", "--help")


async def test_stack_runs_an_app_when_only_wheels_are_installed(environment: EmptyEnvironment, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "tasks.py").write_text(APP)
    command = [str(environment.scripts / "taskyard-standalone")]
    variables = environment.variables | {"TASKYARD_WORKER_APPS": "shop.tasks:app"}
    async with StandaloneProcess(tmp_path, variables, command) as stack:
        await stack.until_ready()
        posted = await stack.http.post(
            "/tasks", json={"type": "greet", "queue": "greetings", "payload": {"name": "Ada"}}
        )
        assert posted.status_code == 201, posted.text
        task_id = posted.json()["task_id"]
        await eventually(lambda: _is_completed(stack, task_id), within_s=30)
        assert (await stack.http.get(f"/tasks/{task_id}")).json()["result"] == {"text": "Hello, Ada!"}


def test_base_install_is_light_when_no_extra_is_named(environment: EmptyEnvironment) -> None:
    assert environment.resolve("taskyard") == BASE


@pytest.mark.parametrize(
    ("extra", "brings", "not_brings"),
    [("cli", {"typer", "rich"}, {"redis"}), ("worker", {"taskyard-worker", "redis"}, {"litestar", "kopf", "rich"})],
)
def test_extra_brings_what_it_names(
    extra: str, brings: set[str], not_brings: set[str], environment: EmptyEnvironment
) -> None:
    resolved = environment.resolve(f"taskyard[{extra}]")
    assert resolved >= brings
    assert not resolved & not_brings


async def _is_completed(stack: StandaloneProcess, task_id: str) -> bool:
    return await stack.state_of(task_id) == "completed"


def _build(checkout: Path, folder: Path, variables: Mapping[str, str]) -> dict[str, Wheel]:
    """Run ``make wheels`` with the environment of the tests, which is never installed again."""
    folder.mkdir(exist_ok=True)
    command = ["make", f"--old-file={sys.prefix}/.run", "wheels", f"VENV={sys.prefix}", f"DIST={folder}"]
    own = {name: text for name, text in os.environ.items() if name not in ("SOURCE_DATE_EPOCH", "MAKEFLAGS", "MFLAGS")}
    done = subprocess.run(command, cwd=checkout, env={**own, **variables}, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stdout + done.stderr
    found = [Wheel(path) for path in folder.glob("*.whl")]
    return {str(wheel.metadata["Name"]): wheel for wheel in found}
