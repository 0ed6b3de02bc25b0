"""Codec of one type: JSON to value, value to JSON, JSON Schema.

msgspec handles Structs, dataclasses, TypedDicts, attrs classes, builtins and their containers. Pydantic models are
handled by pydantic itself, at the top level and within other types; pydantic is imported only if such a type is used.
"""

from __future__ import annotations

import inspect
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from taskyard.payloads import pydantic_models

T = TypeVar("T")

DecodeError = msgspec.DecodeError
"""The JSON is malformed or does not match the type; the message names the place."""

ANY_OBJECT = (Any, object, inspect.Parameter.empty, dict)
"""Annotations of a payload that may be any JSON object."""

_JSON_OBJECTS = (
    msgspec.inspect.DictType,
    msgspec.inspect.TypedDictType,
    msgspec.inspect.DataclassType,
    msgspec.inspect.StructType,
)

_encoder = msgspec.json.Encoder(enc_hook=pydantic_models.to_builtins)
encode_json = _encoder.encode
"""Encode any value as JSON. Raises TypeError for a value without a JSON form, ValueError and RecursionError."""


class UnusableType(TypeError):
    """The type has no JSON form."""


class Decoder(Protocol):
    """Decodes JSON to one type."""

    def decode(self, data: bytes, /) -> Any:
        """Decode; raises :data:`DecodeError`."""


class Codec(Generic[T]):
    """JSON form of one type.

    Args:
        kind: the type; ``Any`` accepts everything.

    Raises:
        UnusableType: the type has no JSON form.
    """

    __slots__ = ("decode", "kind")

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.decode = _make_decoder(kind).decode

    def schema(self) -> bytes:
        """The JSON Schema; ``null`` when the type has none or any value is valid."""
        if self.kind in ANY_OBJECT:
            return b"null"
        try:
            if pydantic_models.is_model(self.kind):
                return msgspec.json.encode(pydantic_models.schema(self.kind))
            return msgspec.json.encode(msgspec.json.schema(self.kind, schema_hook=pydantic_models.nested_schema))
        except (TypeError, NotImplementedError):
            return b"null"


def payload_codec(kind: Any) -> Codec[Any]:
    """Codec of a payload type, whose JSON is an object.

    Raises:
        UnusableType: the type has no JSON form, or one that is not an object.
    """
    if kind in ANY_OBJECT:
        return Codec(dict)
    codec: Codec[Any] = Codec(kind)
    if not pydantic_models.is_model(kind) and not _is_object(msgspec.inspect.type_info(kind)):
        raise UnusableType(f"{describe(kind)} is not a JSON object")
    return codec


def result_codec(kind: Any) -> Codec[Any]:
    """Codec of a result type. A function that returns nothing may set any ``context.result``.

    Raises:
        UnusableType: the type has no JSON form.
    """
    return Codec(Any if kind in (object, None, type(None), inspect.Parameter.empty) else kind)


def describe(kind: Any) -> str:
    """The name of a type for a message."""
    return kind.__qualname__ if isinstance(kind, type) else str(kind)


def _make_decoder(kind: Any) -> Decoder:
    if pydantic_models.is_model(kind):
        return pydantic_models.ModelDecoder(kind)
    try:
        decoder: Decoder = msgspec.json.Decoder(kind, dec_hook=pydantic_models.from_builtins)
        info = msgspec.inspect.type_info(kind)
    except TypeError as error:
        raise UnusableType(str(error)) from error
    if isinstance(info, msgspec.inspect.CustomType):
        raise UnusableType(f"{describe(kind)} has no JSON form")
    return decoder


def _is_object(info: msgspec.inspect.Type) -> bool:
    match info:
        case msgspec.inspect.Metadata():
            return _is_object(info.type)
        case msgspec.inspect.UnionType():
            return all(_is_object(each) for each in info.types)
        case msgspec.inspect.StructType():
            return not info.array_like
        case msgspec.inspect.CustomType():
            return pydantic_models.is_model(info.cls)
        case msgspec.inspect.AnyType():
            return True
    return isinstance(info, _JSON_OBJECTS)
