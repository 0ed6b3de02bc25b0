"""Scaffold: the files of a new service, from the template beside this module."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from queuecore.errors import ConfigError, InvalidField

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_NAME = 40
"""Characters: names of pools become parts of names in Kubernetes."""
_SUFFIX = ".template"
_RESERVED = frozenset(
    {"taskyard", "tests", "queuecore", "queueapi", "queueworker", "queuescheduler", "queuestandalone"}
)


def render_project(name: str, version: str) -> dict[str, str]:
    """The files of a service: text by path.

    Args:
        name: the name of the service, its queue and its worker pool.
        version: the release of Taskyard.

    Raises:
        InvalidField: the name cannot be used for all of them.
    """
    package = check_name(name).replace("-", "_")
    values = {"name": name, "package": package, "version": version}
    texts = _read(files(__package__) / "template")
    return {path.replace("package/", f"{package}/"): _fill(text, values) for path, text in texts.items()}


def check_name(name: str) -> str:
    """Check a name and return it.

    Raises:
        InvalidField: it is no name of a service, or its package would hide another module.
    """
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise InvalidField(
            "name", name, f"at most {_MAX_NAME} of a-z, 0-9 and single dashes, starting with a letter, such as web-shop"
        )
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or package in sys.stdlib_module_names | _RESERVED:
        raise InvalidField(
            "name", name, "another name: a package of this name would hide a module of Python or Taskyard"
        )
    return name


def write_project(texts: Mapping[str, str], folder: Path) -> None:
    """Write the files into a folder that is new or empty.

    Raises:
        ConfigError: it is neither, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(f"{folder} is not empty; name another folder with --folder")
        for path, text in texts.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from error


def _read(folder: Traversable, prefix: str = "") -> dict[str, str]:
    texts: dict[str, str] = {}
    for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if each.is_dir():
            texts |= _read(each, f"{prefix}{each.name}/")
        elif each.name.endswith(_SUFFIX):
            texts[prefix + each.name.removesuffix(_SUFFIX)] = each.read_text()
    return texts


def _fill(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], text)
