"""Code of authors of tasks that the type checkers accept, with the types that they infer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict, assert_type

import msgspec
import pydantic

from taskyard import (
    AsyncClient,
    Client,
    Context,
    DoNotRetry,
    Exponential,
    Fixed,
    Handle,
    Request,
    Retry,
    SyncHandle,
    TaskInfo,
    Taskyard,
)
from taskyard.testing import Outcome, inline, recording, run, run_async


@dataclass
class State:
    greeting: str


async def resources() -> AsyncGenerator[State]:
    yield State("Hello")


class Email(msgspec.Struct):
    to: str


@dataclass
class Letter:
    to: str


class Note(TypedDict):
    to: str


class Parcel(pydantic.BaseModel):
    to: str


class Sent(msgspec.Struct):
    number: int


app = Taskyard(lifespan=resources, defaults={"queue": "mail", "retention": timedelta(hours=1)})
plain_app = Taskyard()


@app.task("email", max_retries=5, timeout="30s", retry=Exponential("1s", factor=3), unique="1h")
async def send_email(email: Email, context: Context[State]) -> Sent:
    assert_type(context.state, State)
    assert_type(context.attempt, int)
    context.logger.info("sending", to=email.to)
    context.progress({"sent": 0})
    if not email.to:
        raise DoNotRetry("no address")
    if context.cancelled:
        raise Retry("stopped", after="30s")
    return Sent(1)


@app.task("letter", retry=Fixed(timedelta(seconds=5)))
async def send_letter(letter: Letter) -> int:
    return len(letter.to)


@app.task("note", process=True)
def send_note(note: Note, context: Context[State]) -> list[str]:
    return [note["to"]] * context.attempt


@app.task("parcel")
def send_parcel(parcel: Parcel) -> Parcel:
    return parcel


@plain_app.task("anything")
async def take_anything(payload: dict[str, Any], context: Context) -> None:
    print(payload, context.state)


async def enqueue() -> None:
    handle = await send_email.enqueue(Email("ada"), delay="5m", priority=9, metadata={"user": "1"})
    assert_type(handle, Handle[Sent])
    assert_type(await handle.result(timeout="20s"), Sent)
    assert_type(await (await send_letter.enqueue(Letter("ada"))).result(), int)
    assert_type(await (await take_anything.enqueue({"a": 1})).result(), None)
    async with AsyncClient("http://localhost:8080", token="secret", timeout="5s") as client:
        assert_type(await client.enqueue(send_note.request({"to": "ada"})), Handle[list[str]])
        assert_type(await client.get("id"), TaskInfo)
        async for each in client.enqueue_many(send_letter.request(Letter("ada")) for _ in range(3)):
            assert_type(each, Handle[int])
        async for task in client.list(queue="mail", state="archived"):
            assert_type(task, TaskInfo)
    await app.aclose()


def requests() -> Iterator[Request[Sent]]:
    yield send_email.request(Email("ada"), task_id="first", queue="other")


def enqueue_sync() -> None:
    assert_type(send_parcel.enqueue_sync(Parcel(to="ada")), SyncHandle[Parcel])
    with Client("http://localhost:8080") as client:
        handle = client.enqueue(send_email.request(Email("ada")))
        assert_type(handle.result(timeout=timedelta(seconds=2)), Sent)
        for each in client.enqueue_many(requests()):
            assert_type(each, SyncHandle[Sent])
        assert_type(client.cancel(handle.id), bool)


async def call(context: Context[State]) -> None:
    assert_type(await send_email(Email("ada"), context), Sent)
    assert_type(await send_letter(Letter("ada")), int)
    assert_type(send_note({"to": "ada"}, context), list[str])
    assert_type(send_parcel(Parcel(to="ada")), Parcel)


async def test() -> None:
    assert_type(run(send_email, Email("ada"), attempt=2, state=State("Hi")), Outcome[Sent])
    assert_type(run(send_email, {"to": "ada"}).result, Sent | None)
    assert_type(await run_async(send_parcel, Parcel(to="ada")), Outcome[Parcel])
    with recording(app) as tasks:
        send_email.enqueue_sync(Email("ada"), delay="5m")
    tasks.assert_enqueued(send_email, Email("ada"), delay=timedelta(minutes=5), times=1)
    with inline(plain_app) as tasks:
        tasks.assert_not_enqueued(take_anything)
