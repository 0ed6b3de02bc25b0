from __future__ import annotations

from pathlib import Path

import pytest

from queuecore.errors import ConfigError, InvalidField
from taskyard.cli.project.scaffold import check_name, render_project, write_project

FILES = {
    ".dockerignore",
    ".gitignore",
    "Dockerfile",
    "README.md",
    "pyproject.toml",
    "tests/test_tasks.py",
    "values.yaml",
    "web_shop/__init__.py",
    "web_shop/tasks.py",
}


def test_project_has_its_name_in_all_files() -> None:
    texts = render_project("web-shop", "1.2.3")
    assert texts.keys() == FILES
    assert not any("{{" in text for text in texts.values())
    assert "FROM taskyard/worker:1.2.3\n" in texts["Dockerfile"]
    assert "TASKYARD_WORKER_APPS=web_shop.tasks:app" in texts["Dockerfile"]


@pytest.mark.parametrize("name", ["", "Shop", "1shop", "web_shop", "web--shop", "shop-", "../shop", "a" * 41])
def test_name_is_refused_when_it_has_another_form(name: str) -> None:
    with pytest.raises(InvalidField, match="such as web-shop"):
        check_name(name)


@pytest.mark.parametrize("name", ["class", "json", "taskyard", "tests"])
def test_name_is_refused_when_its_package_would_hide_a_module(name: str) -> None:
    with pytest.raises(InvalidField, match="would hide a module"):
        check_name(name)


def test_project_is_not_written_into_a_folder_with_files(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is not empty; name another folder with --folder"):
        write_project({"a": ""}, tmp_path)
    with pytest.raises(ConfigError, match="cannot be written: "):
        write_project({"a": ""}, tmp_path / "file")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
