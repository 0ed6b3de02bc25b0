from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[3]
MEMBERS = {path.parent: tomllib.loads(path.read_text()) for path in sorted(ROOT.glob("*/*/pyproject.toml"))}
VERSIONS = {each["project"]["name"]: each["project"]["version"] for each in MEMBERS.values()}
EXTRAS = {"cli", "worker", "dev", "pydantic", "outbox", "django", "otlp-grpc"}
SUBCOMMANDS_ONLY = {"dev"}
"""Subcommands without a command of their own."""

each_member = pytest.mark.parametrize("folder", MEMBERS, ids=lambda folder: folder.name)


def _project(folder: Path) -> dict[str, Any]:
    return dict(MEMBERS[folder]["project"])


def _requirements(folder: Path) -> list[Requirement]:
    project = _project(folder)
    extras = project.get("optional-dependencies", {}).values()
    return [Requirement(each) for declared in (project["dependencies"], *extras) for each in declared]


def test_distributions_have_one_version() -> None:
    assert len(VERSIONS) == 7
    assert len(set(VERSIONS.values())) == 1


@each_member
def test_distributions_are_pinned_to_each_other(folder: Path) -> None:
    for each in _requirements(folder):
        if each.name.startswith("taskyard"):
            assert each.specifier == SpecifierSet(f"=={VERSIONS[each.name]}"), each


@each_member
def test_library_has_a_lower_bound_when_it_is_required(folder: Path) -> None:
    for each in _requirements(folder):
        assert {part.operator for part in each.specifier} & {"==", ">="}, each


@each_member
def test_metadata_is_complete(folder: Path) -> None:
    project = _project(folder)
    assert project["license"] == "Apache-2.0"
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (folder / project["readme"]).read_text().startswith(f"# {project['name']}\n")
    assert "Typing :: Typed" in project["classifiers"]
    assert project["urls"].keys() == {"Homepage", "Documentation"}


@each_member
def test_links_of_the_readme_work_outside_of_the_repository(folder: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", (folder / "README.md").read_text()):
        assert target.startswith("https://taskyard.dev"), target
        path = target.removeprefix("https://taskyard.dev").strip("/")
        assert (ROOT / path).exists(), target


def test_taskyard_has_few_dependencies_and_the_documented_extras() -> None:
    project = _project(ROOT / "libs" / "taskyard")
    assert len(project["dependencies"]) <= 6
    assert project["optional-dependencies"].keys() == EXTRAS
    documented = re.findall(r"(?m)^\| `([\w-]+)` \|", (ROOT / "libs" / "taskyard" / "README.md").read_text())
    assert set(documented) == EXTRAS


def test_commands_of_services_are_also_subcommands_of_the_command_line() -> None:
    for folder in (ROOT / "services").iterdir():
        project = _project(folder)
        subcommands = project.get("entry-points", {}).get("taskyard.commands", {})
        expected = {f"taskyard-{name}": target for name, target in subcommands.items() if name not in SUBCOMMANDS_ONLY}
        assert project.get("scripts", {}) == expected
