"""The app that the real worker and `run` execute."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict

import msgspec
import pydantic

from taskyard import Context, DoNotRetry, Retry, StateUnavailable, Taskyard


@dataclass
class State:
    word: str


async def resources() -> AsyncGenerator[State, None]:
    yield State("state of the worker")


app = Taskyard(lifespan=resources, defaults={"max_retries": 0, "queue": "library"})


class Struct(msgspec.Struct):
    number: int
    at: datetime | None = None
    price: Decimal = Decimal("1.50")


@dataclass
class Data:
    number: int


class Dict(TypedDict):
    number: int


class Model(pydantic.BaseModel):
    number: int
    tags: set[str] = set()


@app.task("struct")
async def take_struct(payload: Struct) -> Struct:
    return payload


@app.task("data")
def take_data(payload: Data) -> Data:
    return Data(payload.number + 1)


@app.task("dict", process=True)
def take_dict(payload: Dict) -> list[int]:
    return [payload["number"]] * 2


@app.task("model")
async def take_model(payload: Model) -> Model:
    if payload.number == 0:
        raise DoNotRetry("zero")
    return payload


@app.task("any")
async def take_any(payload: dict[str, Any]) -> Any:
    return payload


@app.task("nothing")
async def return_nothing(_: dict[str, Any], context: Context[State]) -> None:
    context.result = {"set": "by the context"}


@app.task("state")
def read_state(_: dict[str, Any], context: Context[State]) -> str:
    return context.state.word


@app.task("state:process", process=True)
def read_state_in_process(_: dict[str, Any], context: Context[State]) -> str:
    try:
        return context.state.word
    except StateUnavailable:
        return "none"


@app.task("error")
async def fail(payload: dict[str, Any]) -> None:
    raise {"retry": Retry("later", after="1h"), "key": KeyError("key"), "os": OSError(2, "gone")}[payload["kind"]]


@app.task("timeout", timeout="50ms")
async def take_too_long(_: dict[str, Any]) -> None:
    await asyncio.Event().wait()


@app.task("unfit")
async def return_unfit(_: dict[str, Any]) -> object:
    return object()


@app.task("large")
async def return_too_much(_: dict[str, Any]) -> str:
    return "x" * 1024 * 1024


@app.task("where")
def say_where(_: dict[str, Any]) -> int:
    return os.getpid()


@app.task("count", queue="counted")
async def count(payload: dict[str, int]) -> int:
    return payload["number"]
