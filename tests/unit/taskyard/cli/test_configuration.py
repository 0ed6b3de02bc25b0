from __future__ import annotations

from pathlib import Path

import pytest

from queuecore.errors import ConfigError
from taskyard.cli.connection import choose_connection
from taskyard.cli.project_file import ProjectSettings, read_project


def _write(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "pyproject.toml").write_text(text)


def test_argument_precedes_environment_and_environment_precedes_file() -> None:
    environ = {"TASKYARD_URL": "http://environ"}
    project = ProjectSettings(url="http://file")
    assert choose_connection("http://argument", None, environ, project).url == "http://argument"
    assert choose_connection(None, None, environ, project).url == "http://environ"
    assert choose_connection(None, None, {"TASKYARD_URL": ""}, project).url == "http://file"


def test_token_file_of_an_argument_precedes_the_token_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-file\n")
    environ = {"TASKYARD_URL": "http://api", "TASKYARD_TOKEN": "of-environ"}
    project = ProjectSettings(token_file="/nowhere")
    assert choose_connection(None, str(tmp_path / "token"), environ, project).token() == "of-file"
    assert choose_connection(None, None, environ, project).token() == "of-environ"


def test_error_names_all_places_when_no_address_is_set() -> None:
    with pytest.raises(ConfigError, match=r"TASKYARD_URL.*--url.*\[tool.taskyard\] of pyproject.toml"):
        choose_connection(None, None, {}, ProjectSettings())


def test_file_is_the_nearest_with_the_table(tmp_path: Path) -> None:
    _write(tmp_path, '[tool.taskyard]\nurl = "http://api"\ntoken_file = "secret/token"\napps = ["shop.tasks:app"]\n')
    _write(tmp_path / "shop", "[tool.other]\n")
    assert read_project(tmp_path / "shop") == ProjectSettings(
        url="http://api", token_file=str(tmp_path / "secret" / "token"), apps=("shop.tasks:app",)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.taskyard]\naddress = 1\n", "unknown field `address`.*it takes url, token_file, apps"),
        ("[tool.taskyard]\napps = 'shop'\n", r"Expected `array`.*\$.apps"),
        ("[tool", "cannot be read"),
    ],
)
def test_file_is_refused_by_name_when_it_is_wrong(text: str, message: str, tmp_path: Path) -> None:
    _write(tmp_path, text)
    with pytest.raises(ConfigError, match=f"{tmp_path}/pyproject.toml.*{message}"):
        read_project(tmp_path)
