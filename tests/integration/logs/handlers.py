"""Handlers of the worker whose logs are tested."""

from __future__ import annotations

import msgspec

from queueworker.handlers.context import TaskContext
from queueworker.handlers.registry import Handlers

handlers = Handlers()


class Card(msgspec.Struct):
    number: str


@handlers.register("pay")
async def pay(card: Card, context: TaskContext) -> None:
    context.logger.info("paying", card=card)
    if context.attempt == 1:
        raise ConnectionError("the bank is unreachable")


@handlers.register("pay_in_thread")
def pay_in_thread(card: Card, context: TaskContext) -> None:
    context.logger.info("paying", card=card)
