from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import msgspec
import pytest

from queuecore.testing.builders import make_task
from taskyard import Context, DoNotRetry, HandlerError
from taskyard.handler import Handler, HandlerKind, make_handler
from taskyard.lifespan import Lifespan


class Mail(msgspec.Struct):
    to: str
    copies: Annotated[int, msgspec.Meta(ge=1)] = 1


@dataclass
class Letter:
    to: str


class Note(TypedDict):
    to: str


def register(function: Callable[..., Any], *, process: bool = False) -> Handler:
    return make_handler("mail", function, process=process)


def call(handler: Handler, payload: bytes) -> Any:
    return handler.call(handler.decode(payload), Context(make_task(), 1, 0, lambda _: None, 1, Lifespan()))


def take_struct(payload: Mail) -> Any:
    return payload


def take_dataclass(payload: Letter) -> Any:
    return payload


def take_typed_dict(payload: Note) -> Any:
    return payload


def take_plain_dict(payload: dict[str, Any]) -> Any:
    return payload


def take_anything(payload: Any) -> Any:
    return payload


def take_unannotated(payload):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return payload


async def take_async(payload: Mail) -> Any:
    return payload


@pytest.mark.parametrize(
    ("function", "payload"),
    [
        (take_struct, Mail("ann", 1)),
        (take_dataclass, Letter("ann")),
        (take_typed_dict, {"to": "ann"}),
        (take_plain_dict, {"to": "ann"}),
        (take_anything, {"to": "ann"}),
        (take_unannotated, {"to": "ann"}),
    ],
)
def test_handler_receives_its_payload_as_the_annotated_type(function: Callable[..., Any], payload: object) -> None:
    assert call(register(function), b'{"to":"ann"}') == payload


@pytest.mark.parametrize("function", [take_struct, take_dataclass, take_typed_dict])
def test_handler_raises_do_not_retry_when_the_payload_does_not_match(function: Callable[..., Any]) -> None:
    with pytest.raises(DoNotRetry, match="to"):
        register(function).decode(b'{"to":5}')


@pytest.mark.parametrize("function", [take_struct, take_dataclass, take_typed_dict])
def test_handler_has_a_schema_when_its_payload_is_typed(function: Callable[..., Any]) -> None:
    assert b'"required":["to"]' in register(function).payload.schema()


@pytest.mark.parametrize("function", [take_anything, take_unannotated])
def test_handler_has_no_schema_when_it_takes_any_payload(function: Callable[..., Any]) -> None:
    assert register(function).payload.schema() == b"null"


def test_handler_receives_the_context_when_it_has_a_second_parameter() -> None:
    def take_both(payload: Mail, context: Context) -> tuple[str, int]:
        return payload.to, context.attempt

    assert call(register(take_both), b'{"to":"ann"}') == ("ann", 1)


@pytest.mark.parametrize("annotation", [Context, Context[int], Any, object])
def test_context_may_be_annotated_loosely(annotation: Any) -> None:
    def take_both(_: Mail, context: Any) -> int:
        return int(context.attempt)

    take_both.__annotations__["context"] = annotation
    assert call(register(take_both), b'{"to":"ann"}') == 1


def test_handler_may_have_further_parameters_with_defaults() -> None:
    def take_more(payload: Mail, *, retries: int = 3) -> tuple[str, int]:
        return payload.to, retries

    assert call(register(take_more), b'{"to":"ann"}') == ("ann", 3)


def test_handler_kind_follows_from_the_function() -> None:
    assert register(take_async).kind is HandlerKind.ASYNC
    assert register(take_struct).kind is HandlerKind.THREAD
    assert register(take_struct, process=True).kind is HandlerKind.PROCESS


def take_nothing() -> None: ...
def take_three(payload: Mail, context: Context, other: int) -> None: ...
def take_keyword(payload: Mail, *, context: Context) -> None: ...
def take_two_values(payload: Mail, other: int) -> None: ...
def take_what_json_cannot_say(payload: Callable[[], None]) -> None: ...
def take_one_of_two_lists(payload: list[int] | tuple[str, ...]) -> None: ...
def take_a_foreign_model(payload: HandlerError) -> None: ...


@pytest.mark.parametrize(
    "function",
    [
        take_nothing,
        take_three,
        take_keyword,
        take_two_values,
        take_what_json_cannot_say,
        take_one_of_two_lists,
        take_a_foreign_model,
    ],
)
def test_handler_is_refused_when_the_function_cannot_be_called_with_a_payload(function: Callable[..., Any]) -> None:
    with pytest.raises(HandlerError, match=function.__name__):
        register(function)


def test_handler_is_refused_when_an_async_function_is_to_run_in_a_process() -> None:
    with pytest.raises(HandlerError, match="take_async"):
        register(take_async, process=True)
