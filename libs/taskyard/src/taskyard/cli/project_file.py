"""Configuration in a file: the table ``[tool.taskyard]`` of the nearest ``pyproject.toml`` that has one."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from queuecore.errors import ConfigError

_TABLE = "[tool.taskyard]"


class ProjectSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of the table."""

    url: str | None = None
    """Address of the API."""
    token_file: str | None = None
    """A file that holds the token, relative to the folder of the ``pyproject.toml``."""
    apps: tuple[str, ...] = ()
    """The apps that ``taskyard dev`` runs."""


def read_project(folder: Path) -> ProjectSettings:
    """Read the table for a working directory; the defaults without one.

    Raises:
        ConfigError: the file is no TOML, or the table has an unknown key or a wrong value.
    """
    for each in (folder, *folder.parents):
        path = each / "pyproject.toml"
        if path.is_file() and (table := _table(path)) is not None:
            return _read(table, path)
    return ProjectSettings()


def _table(path: Path) -> object | None:
    try:
        tools: dict[str, object] = tomllib.loads(path.read_text()).get("tool", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return tools.get("taskyard")


def _read(table: object, path: Path) -> ProjectSettings:
    try:
        settings = msgspec.convert(table, ProjectSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{path}, {_TABLE}: {error}; it takes {', '.join(ProjectSettings.__struct_fields__)}"
        ) from error
    if settings.token_file is None:
        return settings
    return msgspec.structs.replace(settings, token_file=str(path.parent / settings.token_file))
