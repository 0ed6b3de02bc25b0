"""Mistakes that the type checkers refuse, each in a line that ends with the mark ``# refused``."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from taskyard import Client, Context, Exponential, Taskyard
from taskyard.testing import recording, run


@dataclass
class State:
    greeting: str


class Email(msgspec.Struct):
    to: str


class Letter(msgspec.Struct):
    to: str


app = Taskyard[State]()


@app.task("email")
async def send(email: Email, context: Context[State]) -> int:
    context.state.farewell  # refused
    context.attempts  # refused
    return len(email.to)


@app.task("plain")
def send_plainly(email: Email) -> str:
    return email.to


@app.task("typo", timout="30s")  # refused
async def mistype(email: Email) -> None: ...


@app.task("number", priority="high")  # refused
async def misprioritize(email: Email) -> None: ...


@app.task("retry", retry="1s")  # refused
async def misretry(email: Email) -> None: ...


@app.task("later", delay="1s")  # refused
async def delay(email: Email) -> None: ...


@app.task("nothing")  # refused
async def take_nothing() -> None: ...


@app.task("three")  # refused
async def take_three(email: Email, context: Context[State], other: int) -> None: ...


@app.task("other-state")  # refused
async def take_other_state(email: Email, context: Context[int]) -> None: ...


@app.task("keyword")  # refused
async def take_keyword(email: Email, *, context: Context[State]) -> None: ...


async def misuse(context: Context[State], client: Client) -> None:
    await send.enqueue(Letter("ada"))  # refused
    await send.enqueue({"to": "ada"})  # refused
    await send.enqueue()  # refused
    await send.enqueue(email=Email("ada"))  # refused
    await send.enqueue(Email("ada"), dely="5m")  # refused
    await send.enqueue(Email("ada"), delay=5)  # refused
    await send.enqueue(Email("ada"), context)  # refused
    send.enqueue_sync(Letter("ada"))  # refused
    client.enqueue(send.request(Letter("ada")))  # refused
    client.enqueue(Email("ada"))  # refused
    await send(Email("ada"))  # refused
    await send(Letter("ada"), context)  # refused
    await send_plainly(Email("ada"))  # refused
    result: str = (await send.enqueue(Email("ada"))).result()  # refused
    number: int = client.enqueue(send_plainly.request(Email("ada"))).result()  # refused
    Exponential(5)  # refused
    print(result, number)


def misuse_tests() -> None:
    run(send, Letter("ada"))  # refused
    with recording(app) as tasks:
        tasks.assert_enqueued(Email("ada"))  # refused
        tasks.assert_enqueued(send, Email("ada"), dely="5m")  # refused
