"""Pydantic models as payloads and results. Pydantic is imported once a type is a model, never before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_adapters: dict[type, TypeAdapter[Any]] = {}


def is_model(kind: object) -> bool:
    """Test for a pydantic model or a pydantic dataclass."""
    return isinstance(kind, type) and "__pydantic_validator__" in kind.__dict__


class ModelDecoder:
    """Decodes JSON to a model.

    Args:
        kind: the model.
    """

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def decode(self, data: bytes, /) -> Any:
        """Decode and validate.

        Raises:
            msgspec.ValidationError: the JSON does not match the model, as of msgspec's own decoders.
        """
        try:
            return _validate(self._kind, data)
        except ValueError as error:
            raise msgspec.ValidationError(str(error)) from error


def from_builtins(kind: type, value: Any) -> Any:
    """Validate a model within another type; the hook of msgspec's decoders."""
    if is_model(kind):
        return _validate(kind, msgspec.json.encode(value))
    if kind is object:
        return value
    raise NotImplementedError(f"values of type {kind.__qualname__} cannot be read from JSON")


def to_builtins(value: Any) -> Any:
    """A model as dicts, lists and scalars; the hook of msgspec's encoders."""
    if is_model(type(value)):
        return _adapter(type(value)).dump_python(value, mode="json", by_alias=True)
    raise TypeError(f"Encoding objects of type {type(value).__qualname__} is unsupported")


def schema(kind: type) -> dict[str, Any]:
    """The JSON Schema of a model."""
    return _adapter(kind).json_schema(by_alias=True)


def nested_schema(kind: type) -> dict[str, Any]:
    """The JSON Schema of a model within another type; the hook of msgspec's schemas.

    A model that refers to others is any object there: its references would lead nowhere.
    """
    if kind is object:
        return {}
    if not is_model(kind):
        raise NotImplementedError
    found = schema(kind)
    return {"type": "object", "title": kind.__name__} if "$defs" in found else found


def _validate(kind: type, data: bytes) -> Any:
    from pydantic import ValidationError  # noqa: PLC0415 - an optional dependency

    try:
        return _adapter(kind).validate_json(data)
    except ValidationError as error:
        raise ValueError("; ".join(_describe(each) for each in error.errors(include_url=False))) from error


def _describe(problem: Any) -> str:
    path = ".".join(map(str, problem["loc"]))
    return f"{path}: {problem['msg']}" if path else str(problem["msg"])


def _adapter(kind: type) -> TypeAdapter[Any]:
    adapter = _adapters.get(kind)
    if adapter is None:
        from pydantic import TypeAdapter  # noqa: PLC0415 - an optional dependency

        adapter = _adapters[kind] = TypeAdapter(kind)
    return adapter
