"""The app under test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import msgspec

from taskyard import Context, DoNotRetry, Fixed, Retry, StateUnavailable, Taskyard


@dataclass
class State:
    name: str


async def resources() -> AsyncGenerator[State]:
    yield State("of the lifespan")


class Order(msgspec.Struct):
    number: int
    until_attempt: int = 1


class Receipt(msgspec.Struct):
    number: int


app = Taskyard(lifespan=resources)


@app.task("pay", max_retries=2, retry=Fixed("7s"))
async def pay(order: Order, context: Context[State]) -> Receipt:
    context.logger.bind(order=order.number).info("paying %s", order.number, state=context.state.name)
    context.progress({"attempt": context.attempt})
    if order.number < 0:
        raise DoNotRetry("no such order")
    if context.attempt < order.until_attempt:
        raise Retry("busy", after="3s")
    await ship.enqueue({"order": order.number}, delay="1h")
    return Receipt(order.number)


@app.task("ship", queue="shipping", unique="1h")
def ship(payload: dict[str, Any], context: Context[State]) -> str:
    return f"{payload['order']}, {context.state.name}"


@app.task("fail", max_retries=1, retry=Fixed("7s"))
def fail(_: dict[str, Any]) -> None:
    raise ValueError("never works")


@app.task("sleep", timeout="10ms", max_retries=0)
async def sleep(_: dict[str, Any]) -> None:
    await asyncio.Event().wait()


@app.task("stray-timeout")
async def raise_timeout(_: dict[str, Any]) -> None:
    raise TimeoutError("of another library")


@app.task("compute", process=True)
def compute(_: dict[str, Any], context: Context[State]) -> str:
    try:
        return context.state.name
    except StateUnavailable:
        return "no state"


@app.task("unfit")
async def return_unfit(_: dict[str, Any]) -> object:
    return object()


@app.task("through-context")
async def set_result(_: dict[str, Any], context: Context[State]) -> None:
    context.result = {"task": context.task.id, "metadata": context.task.metadata, "fence": context.fence}
