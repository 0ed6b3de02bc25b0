"""Environment variables of settings: name, accepted values, parsing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta
from msgspec import inspect as form

from queuecore.domain.durability import EXPECTED, Durability, parse_durability
from queuecore.domain.duration import format_duration, parse_duration
from queuecore.domain.size import format_size, parse_size
from queuecore.errors import InvalidField

DurationMs = Annotated[int, Meta(extra={"written_as": "duration"})]
"""A duration in ms, written as ``30s``. The field's name ends in ``_ms``, the variable's does not."""

SizeBytes = Annotated[int, Meta(extra={"written_as": "size"})]
"""A size in bytes, written as ``1MiB``. The field's name ends in ``_bytes``, the variable's does not."""


DurabilityLevel = Annotated[Durability, Meta(extra={"written_as": "durability"})]
"""A level of durability, written as ``replicas:1``."""


class Secret(str):
    """A text that messages, logs and ``repr`` hide.

    A variable with the suffix ``_FILE`` may name a file with the value instead.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def named(variable: str) -> dict[str, str]:
    """For ``Meta(extra=named("TASKYARD_DATA_DIR"))``: the field is read from this variable, without the prefix."""
    return {"variable": variable}


class _Notation(NamedTuple):
    """The notation of a value, such as a number with a unit."""

    noun: str
    unit: str
    """The suffix of the field's name; empty for none."""
    read: Callable[[str, str], object]
    write: Callable[[Any], str]


_NOTATIONS = {
    "duration": _Notation("a duration such as 30s", "_ms", parse_duration, format_duration),
    "size": _Notation("a size such as 1MiB", "_bytes", parse_size, format_size),
    "durability": _Notation(EXPECTED, "", parse_durability, str),
}


class Variable:
    """An environment variable that sets one field.

    Args:
        field: the field of a settings Struct; its type may be a union only with ``None``.
        prefix: the prefix of the variable's name.
    """

    def __init__(self, field: msgspec.structs.FieldInfo, prefix: str) -> None:
        self.field = field.name
        self.required = field.required
        self._info = field
        self._form, self._notes = _unwrap(form.type_info(field.type))
        self._notation = _NOTATIONS.get(self._notes.get("written_as", ""))
        name = field.name.removesuffix(self._notation.unit if self._notation else "")
        self.name: str = self._notes.get("variable", f"{prefix}{name.upper()}")
        self.description: str = self._notes.get("description", "")

    @property
    def file_name(self) -> str | None:
        """The variable that names a file with the value; only for a secret."""
        return f"{self.name}_FILE" if self._is_secret else None

    @property
    def default(self) -> str:
        """The default in the variable's notation; empty without one."""
        value = self._info.default
        if self._info.default_factory is not msgspec.NODEFAULT:
            value = self._info.default_factory()
        match value:
            case msgspec.NODEFAULT | None | Secret():
                return ""
            case tuple():
                return ",".join(map(str, value))
            case Enum():
                return str(value.value)
            case bool():
                return str(value).lower()
        return self._write(value)

    @property
    def takes(self) -> str:
        """The accepted values, in words."""
        examples = self._notes.get("examples")
        return self._noun() + (f", such as {' or '.join(map(str, examples))}" if examples else "")

    def read(self, environ: Mapping[str, str]) -> object:
        """The value, or :data:`msgspec.UNSET` when neither the variable nor its file is set.

        Raises:
            InvalidField: the text is not an accepted value.
        """
        text = environ.get(self.name, "")
        path = environ.get(self.file_name, "") if self.file_name else ""
        if text and path:
            raise InvalidField(f"{self.name}_FILE", path, f"nothing, as {self.name} is set too")
        if path:
            text = _read_file(Path(path), f"{self.name}_FILE")
        if not self._is_secret:
            text = text.strip()
        return self._convert(text) if text else msgspec.UNSET

    def _convert(self, text: str) -> object:
        try:
            return msgspec.convert(self._parse(text), self._info.type, strict=False, dec_hook=_construct)
        except msgspec.ValidationError:
            # Kubernetes sets such a value in pods of a namespace with a Service such as "taskyard-api".
            hint = ", or enableServiceLinks: false in the pod" if text.startswith("tcp://") else ""
            raise InvalidField(self.name, self._printable(text), self.takes + hint) from None

    def _parse(self, text: str) -> object:
        match self._form:
            case form.IntType() | form.StructType() if self._notation:
                return self._notation.read(text, self.name)
            case form.VarTupleType():
                return [part.strip() for part in text.split(",") if part.strip()]
            case form.LiteralType() | form.EnumType():
                return next((each for each in self._choices() if each.lower() == text.lower()), text)
        return text

    def _noun(self) -> str:
        match self._form:
            case form.IntType() | form.FloatType() as number:
                plain = "an integer" if isinstance(number, form.IntType) else "a number"
                return (self._notation.noun if self._notation else plain) + self._bounds(number)
            case form.BoolType():
                return "true or false"
            case form.LiteralType() | form.EnumType():
                return f"one of {', '.join(self._choices())}"
            case form.VarTupleType():
                return "a list separated by commas"
            case form.CustomType() if not self._is_secret:
                return "a path"
        return self._notation.noun if self._notation else "a text"

    def _bounds(self, number: form.IntType | form.FloatType) -> str:
        limits = {"at least": number.ge, "more than": number.gt, "at most": number.le, "less than": number.lt}
        return "".join(f", {words} {self._write(limit)}" for words, limit in limits.items() if limit is not None)

    def _write(self, value: object) -> str:
        return self._notation.write(value) if self._notation else str(value)

    def _choices(self) -> list[str]:
        match self._form:
            case form.LiteralType(values=values):
                return [str(value) for value in values]
            case form.EnumType(cls=enum):
                return [str(member.value) for member in enum]
        return []

    @property
    def _is_secret(self) -> bool:
        return isinstance(self._form, form.CustomType) and self._form.cls is Secret

    def _printable(self, text: str) -> str:
        return Secret(text) if self._is_secret else _without_credentials(text)


def _unwrap(info: form.Type) -> tuple[form.Type, dict[str, Any]]:
    """The type without its annotations and ``None``, and the data of the annotations."""
    match info:
        case form.Metadata():
            inner, notes = _unwrap(info.type)
            return inner, {**notes, **(info.extra or {}), **(info.extra_json_schema or {})}
        case form.UnionType():
            (only,) = (each for each in info.types if not isinstance(each, form.NoneType))
            return _unwrap(only)
    return info, {}


def _construct(kind: type, value: object) -> object:
    return kind(value)


def _read_file(path: Path, variable: str) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidField(variable, str(path), f"a text file that can be read ({error})") from error


def _without_credentials(text: str) -> str:
    return re.sub(r"^([a-z+]+:/*)?.*@", r"\1***@", text)
