from __future__ import annotations

import asyncio
import inspect
import pickle
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from queuecore.errors import ConfigError, InvalidField
from taskyard import Context, Fixed, HandlerError, InvalidPayload, Taskyard
from taskyard.handler import HandlerKind


class Mail(msgspec.Struct):
    to: str
    copies: int = 1


app = Taskyard(defaults={"queue": "mail", "max_retries": 5, "retention": "2h"})


@app.task("send", max_retries=3, timeout=timedelta(minutes=2), retry=Fixed("5s"))
async def send(mail: Mail) -> int:
    """Send a mail."""
    return mail.copies


@app.task("print", process=True)
def print_mail(mail: Mail, context: Context) -> None:
    context.progress(mail.to)


def test_task_is_still_its_function() -> None:
    assert asyncio.run(send(Mail("ada", 2))) == 2
    assert (send.__name__, send.__doc__, send.__module__) == ("send", "Send a mail.", __name__)
    assert list(inspect.signature(send).parameters) == ["mail"]


def test_task_is_a_coroutine_function_when_its_function_is() -> None:
    assert asyncio.iscoroutinefunction(send)
    assert not asyncio.iscoroutinefunction(print_mail)


def test_task_is_itself_after_pickling() -> None:
    assert pickle.loads(pickle.dumps(send)) is send


def test_task_repr_names_type_and_function() -> None:
    assert repr(send) == f"<Task send: {__name__}.send>"


def test_app_knows_its_tasks_by_type() -> None:
    assert dict(app.tasks) == {"send": send, "print": print_mail}
    assert print_mail.handler.kind is HandlerKind.PROCESS
    assert send.app is app


def test_options_of_the_call_precede_those_of_the_task_and_these_those_of_the_app() -> None:
    request = send.request(Mail("ada"), max_retries=0)
    assert request.queue == "mail"
    assert msgspec.json.decode(request.body(0)) == {
        "type": "send",
        "payload": {"to": "ada", "copies": 1},
        "queue": "mail",
        "max_retries": 0,
        "retention": "2h0m0s",
        "timeout": "2m0s",
        "retry_policy": {"curve": "constant", "base": "5s", "factor": 2.0, "max": "5s", "jitter": 0.0},
    }


def test_options_that_nobody_sets_are_not_sent() -> None:
    plain = Taskyard()

    @plain.task("plain")
    def handle(payload: dict[str, Any]) -> None: ...

    assert handle.request({}).body(0) == b'{"type":"plain","payload":{}}'
    assert handle.request({}).queue == "default"


def test_type_has_one_handler_only() -> None:
    twice = Taskyard()

    @twice.task("send")
    def first(payload: dict[str, Any]) -> None: ...

    with pytest.raises(HandlerError, match=r"'send' has two handlers: .*first and .*second"):

        @twice.task("send")
        def second(payload: dict[str, Any]) -> None: ...


def test_task_refuses_a_type_with_a_name_that_no_task_can_have() -> None:
    with pytest.raises(InvalidField, match="type"):
        app.task("two words")


def test_decorator_without_a_type_says_how_to_write_it() -> None:
    with pytest.raises(HandlerError, match=r"@app.task\('handle'\)"):

        @app.task  # type: ignore[arg-type]
        def handle(payload: dict[str, Any]) -> None: ...


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"timeout": "10 minutes"}, "timeout"),
        ({"timeout": "0s"}, "timeout"),
        ({"timeout": 10}, "timeout"),
        ({"priority": 10}, "priority"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": True}, "max_retries"),
        ({"queue": "two words"}, "queue"),
        ({"retry": "1s"}, "retry"),
        ({"unique": "soon"}, "unique"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"retention": timedelta(seconds=-1)}, "retention"),
    ],
)
def test_option_with_an_invalid_value_is_refused_when_the_task_is_declared(options: Any, named: str) -> None:
    with pytest.raises(InvalidField, match=f"^{named}"):
        app.task("options", **options)
    with pytest.raises(InvalidField, match=f"^{named}"):
        Taskyard(defaults=options)
    with pytest.raises(InvalidField, match=f"^{named}"):
        send.request(Mail("ada"), **options)


def test_unknown_option_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TypeError, match=r"no option timout; there are .*timeout"):
        app.task("options", timout="1s")  # type: ignore[call-arg]


@pytest.mark.parametrize("payload", [Mail(5), {"to": 5}, {}, [], "ada", None, object()])  # type: ignore[arg-type]
def test_payload_of_another_type_is_refused_before_anything_is_sent(payload: Any) -> None:
    with pytest.raises(InvalidPayload, match="task 'send' takes Mail as its payload"):
        send.request(payload)


def test_enqueue_names_the_variable_when_no_address_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TASKYARD_URL", raising=False)
    with pytest.raises(ConfigError, match="TASKYARD_URL"):
        send.enqueue_sync(Mail("ada"))


async def test_app_has_one_client_per_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKYARD_URL", "http://127.0.0.1:1")
    used = Taskyard()
    here = used.async_client
    assert used.async_client is here

    async def find_another() -> object:
        try:
            return used.async_client
        finally:
            await used.aclose()

    assert await asyncio.to_thread(asyncio.run, find_another()) is not here
    await used.aclose()
    assert used.async_client is not here
    await used.aclose()
