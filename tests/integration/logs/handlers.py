"""Handlers of the worker whose logs are tested."""

from __future__ import annotations

import msgspec

from taskyard import Context, Taskyard

app = Taskyard()


class Card(msgspec.Struct):
    number: str


@app.task("pay")
async def pay(card: Card, context: Context) -> None:
    context.logger.info("paying", card=card)
    if context.attempt == 1:
        raise ConnectionError("the bank is unreachable")


@app.task("pay_in_thread")
def pay_in_thread(card: Card, context: Context) -> None:
    context.logger.info("paying", card=card)
