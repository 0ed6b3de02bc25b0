"""Settings of a service from environment variables.

Settings are a msgspec Struct, whose fields define everything: name, type, default, bounds and meaning::

    class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
        port: Annotated[int, Meta(ge=0, le=65535, description="TCP port to listen on.")] = 8080
        drain_ms: Annotated[DurationMs, Meta(description="How long requests may end at shutdown.")] = 10_000
        redis: RedisSettings

    settings = load_or_exit(ApiSettings, "TASKYARD_API_")

A field's variable is the prefix and its name in capitals, without the unit at the end, because the text has its own:
``TASKYARD_API_PORT=80``, ``TASKYARD_API_DRAIN=10s``; see :mod:`queuecore.settings.variable`. A field whose type is
a Struct is a group that all services share, with the prefix ``TASKYARD_`` and its name: ``TASKYARD_REDIS_URL``. An
empty variable counts as unset. The ``__post_init__`` of the Struct checks rules across fields and raises ValueError.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple, NoReturn, TypeVar

import msgspec

from queuecore.errors import ConfigError, InvalidField
from queuecore.settings.variable import Variable

S = TypeVar("S", bound=msgspec.Struct)

EXIT_CODE = 2
_SHARED_PREFIX = "TASKYARD_"
_SERVICE_LINK = re.compile(
    r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?)=.*|\w+_PORT(_\d+_(TCP|UDP|SCTP))?=\w+://.*"
    r"|\w+_PORT_\d+_(TCP|UDP|SCTP)_(ADDR|PORT|PROTO)=.*"
)
"""Variables that Kubernetes sets for Services; they have our prefix for a Service named "taskyard-api"."""


class VariableRow(NamedTuple):
    """A variable as documented."""

    name: str
    takes: str
    default: str
    """Empty when there is none."""
    description: str


def load(kind: type[S], environ: Mapping[str, str], prefix: str) -> S:
    """Read settings.

    Args:
        kind: the Struct of the settings.
        environ: the environment.
        prefix: the prefix of the service's own variables, such as ``TASKYARD_API_``.

    Raises:
        ConfigError: variables are invalid, missing, or unknown with a prefix of this service; the message has a line
            for each.
    """
    problems = _find_unknown(kind, environ, prefix)
    settings = _build(kind, environ, prefix, problems)
    if settings is None or problems:
        raise ConfigError("\n".join(problems))
    return settings


def load_or_exit(kind: type[S], prefix: str, environ: Mapping[str, str] = os.environ) -> S:
    """Read settings, or report their problems on stderr and exit with code 2."""
    try:
        return load(kind, environ, prefix)
    except ConfigError as error:
        exit_with(error)


def exit_with(error: ConfigError) -> NoReturn:
    """Report a configuration error on stderr and exit with code 2."""
    sys.stderr.write(f"The configuration cannot be used.\n{error}\n")
    sys.exit(EXIT_CODE)


def describe(kind: type[msgspec.Struct], prefix: str) -> Iterator[VariableRow]:
    """All variables of :func:`load`, the service's own first."""
    for group, group_prefix in _groups(kind, prefix):
        for variable in _variables(group, group_prefix):
            default = "(required)" if variable.required else variable.default
            yield VariableRow(variable.name, variable.takes, default, variable.description)
            if variable.file_name:
                yield VariableRow(variable.file_name, "a path", "", f"A file that holds `{variable.name}`.")


def _build(kind: type[S], environ: Mapping[str, str], prefix: str, problems: list[str]) -> S | None:
    values: dict[str, Any] = {
        name: _build(group, environ, _group_prefix(name), problems) for name, group in _nested(kind)
    }
    for variable in _variables(kind, prefix):
        try:
            value = variable.read(environ)
        except InvalidField as error:
            problems.append(str(error))
            continue
        if value is not msgspec.UNSET:
            values[variable.field] = value
        elif variable.required:
            problems.append(f"{variable.name}: must be set; it takes {variable.takes}")
    if problems:
        return None
    try:
        return kind(**values)
    except ValueError as error:
        problems.append(str(error))
        return None


def _find_unknown(kind: type[msgspec.Struct], environ: Mapping[str, str], prefix: str) -> list[str]:
    known = [row.name for row in describe(kind, prefix)]
    prefixes = tuple(each for _, each in _groups(kind, prefix))
    return [
        f"{name}: there is no such variable{_hint(name, known)}"
        for name, text in sorted(environ.items())
        if name.startswith(prefixes) and name not in known and not _SERVICE_LINK.fullmatch(f"{name}={text}")
    ]


def _hint(name: str, known: list[str]) -> str:
    return "".join(f"; did you mean {match}?" for match in get_close_matches(name, known, n=1))


def _groups(kind: type[msgspec.Struct], prefix: str) -> Iterator[tuple[type[msgspec.Struct], str]]:
    yield kind, prefix
    for name, nested in _nested(kind):
        yield from _groups(nested, _group_prefix(name))


def _group_prefix(name: str) -> str:
    return f"{_SHARED_PREFIX}{name.upper()}_"


def _variables(kind: type[msgspec.Struct], prefix: str) -> Iterator[Variable]:
    for field in msgspec.structs.fields(kind):
        if not _is_group(field.type):
            yield Variable(field, prefix)


def _nested(kind: type[msgspec.Struct]) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    for field in msgspec.structs.fields(kind):
        if _is_group(field.type):
            yield field.name, field.type


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
