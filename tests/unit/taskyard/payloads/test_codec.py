from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, NamedTuple, TypedDict

import msgspec
import pydantic
import pytest
from pydantic.dataclasses import dataclass as pydantic_dataclass

from taskyard.payloads.codec import DecodeError, UnusableType, encode_json, payload_codec, result_codec


class Color(Enum):
    RED = "red"


class Struct(msgspec.Struct):
    to: str
    at: datetime | None = None
    color: Color = Color.RED


@dataclass
class Data:
    to: str


class Dict(TypedDict):
    to: str


class Address(pydantic.BaseModel):
    city: str


class Model(pydantic.BaseModel):
    to: Annotated[str, pydantic.Field(min_length=2, alias="recipient")]
    address: Address = Address(city="London")


@pydantic_dataclass
class ModelData:
    to: Annotated[str, pydantic.Field(min_length=2)]


class Nest(msgspec.Struct):
    inner: Address
    others: list[Address] = []


class Row(NamedTuple):
    to: str


class Array(msgspec.Struct, array_like=True):
    to: str


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Struct, Struct("ada", datetime.fromisoformat("2024-01-01T00:00:00+00:00"))),
        (Data, Data("ada")),
        (Dict, {"to": "ada"}),
        (dict[str, int], {"a": 1}),
        (Model, Model.model_validate({"recipient": "ada"})),
        (ModelData, ModelData("ada")),
        (Nest, Nest(Address(city="Paris"), [Address(city="Rome")])),
        (Struct | None, Struct("ada")),
        (list[Address], [Address(city="Paris")]),
        (int, 5),
        (type(None), None),
    ],
)
def test_value_is_the_same_after_encoding_and_decoding(kind: Any, value: object) -> None:
    assert result_codec(kind).decode(encode_json(value)) == value


@pytest.mark.parametrize(
    ("kind", "data", "place"),
    [
        (Struct, b'{"to":5}', "to"),
        (Data, b"{}", "to"),
        (Model, b'{"recipient":"a"}', "recipient: String should have at least 2 characters"),
        (Model, b'{"recipient":"ada","address":{}}', "address.city: Field required"),
        (ModelData, b'{"to":"a"}', "to: String should have at least 2 characters"),
        (Nest, b'{"inner":{"city":5}}', r"city: Input should be a valid string.*inner"),
        (Struct, b"{", "truncated"),
        (Model, b"{", "Invalid JSON"),
    ],
)
def test_decoding_names_the_place_when_the_data_does_not_match(kind: Any, data: bytes, place: str) -> None:
    with pytest.raises(DecodeError, match=place):
        payload_codec(kind).decode(data)


@pytest.mark.parametrize("kind", [Struct, Data, Dict, Model, ModelData, Nest])
def test_schema_requires_what_the_type_requires(kind: Any) -> None:
    schema = msgspec.json.decode(payload_codec(kind).schema())
    body = schema["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    assert len(body["required"]) == 1


def test_schema_within_a_struct_is_any_object_when_a_model_refers_to_others() -> None:
    class Outer(msgspec.Struct):
        model: Model

    schema = msgspec.json.decode(payload_codec(Outer).schema())
    assert schema["$defs"]["Outer"]["properties"]["model"] == {"type": "object", "title": "Model"}


@pytest.mark.parametrize("kind", [dict, Any, object])
def test_schema_is_null_when_any_object_is_valid(kind: Any) -> None:
    assert payload_codec(kind).schema() == b"null"


@pytest.mark.parametrize("kind", [int, str, list[int], Row, Array, Struct | int, Callable[[], None], Exception])
def test_payload_type_is_refused_when_its_json_is_no_object(kind: Any) -> None:
    with pytest.raises(UnusableType):
        payload_codec(kind)


@pytest.mark.parametrize("kind", [Exception, list[int] | tuple[str, ...], Callable[[], None]])
def test_result_type_is_refused_when_it_has_no_json_form(kind: Any) -> None:
    with pytest.raises(UnusableType):
        result_codec(kind)


def test_result_without_an_annotation_is_plain_json() -> None:
    assert result_codec(Any).decode(b'{"a":[1]}') == {"a": [1]}


def test_encoding_raises_type_error_when_a_value_has_no_json_form() -> None:
    with pytest.raises(TypeError, match="object"):
        encode_json({"a": object()})
