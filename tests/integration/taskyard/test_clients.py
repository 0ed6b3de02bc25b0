from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from queuecore.embedded import find_free_port
from taskyard import (
    AsyncClient,
    Client,
    DuplicateTask,
    NotConnected,
    PayloadRefused,
    Refused,
    Request,
    ResultNotKept,
    ResultTimeout,
    ServerTooOld,
    UnknownTask,
    UnknownTaskType,
    WrongState,
)
from taskyard.testing import TestServer
from tests.integration.taskyard.tasks import Struct, app, count, say_where, take_any, take_struct

MANY = 1_200
"""More than two chunks."""


async def test_task_enqueues_itself_and_gets_its_result(server: TestServer) -> None:
    assert server.url
    handle = await take_struct.enqueue(Struct(7), metadata={"user": "ada"})
    assert await handle.result(timeout="20s") == Struct(7)
    assert (await handle.get()).metadata == {"user": "ada"}
    assert take_struct.enqueue_sync(Struct(8)).result(timeout="20s") == Struct(8)
    await app.aclose()


def test_batch_of_any_length_is_enqueued_in_order(client: Client) -> None:
    handles = list(client.enqueue_many(count.request({"number": number}, delay="1h") for number in range(MANY)))
    assert len({handle.id for handle in handles}) == MANY
    assert client.get(handles[-1].id, queue="counted").payload == {"number": MANY - 1}
    assert client.stats("counted")["counted"].scheduled >= MANY


async def test_batch_is_read_from_an_async_generator(async_client: AsyncClient) -> None:
    async def requests() -> AsyncIterator[Request[int]]:
        for number in range(3):
            yield count.request({"number": number})

    assert [await handle.result(timeout="20s") async for handle in async_client.enqueue_many(requests())] == [0, 1, 2]


async def test_batch_raises_the_first_refusal_or_reports_all(client: Client, async_client: AsyncClient) -> None:
    requests = [take_any.request({}, task_id=f"batch-{number}", delay="1h") for number in (1, 1, 2)]
    batch = client.enqueue_many(requests)
    assert next(batch).id == "batch-1"
    with pytest.raises(DuplicateTask, match="batch-1"):
        next(batch)
    reported: list[tuple[Request[Any], Refused]] = []
    again = async_client.enqueue_many(requests, on_refused=lambda *refused: reported.append(refused))
    assert await again.send_all() == 0
    assert [request.options["task_id"] for request, _ in reported] == ["batch-1", "batch-1", "batch-2"]


async def test_task_is_controlled_by_id(client: Client, async_client: AsyncClient) -> None:
    waiting = client.enqueue(take_any.request({"a": 1}, delay="1h"))
    assert waiting.cancel()
    with pytest.raises(WrongState):
        await async_client.cancel(waiting.id)
    await async_client.run(waiting.id)
    assert (await async_client.wait(waiting.id, timeout="20s")).result == {"a": 1}
    await async_client.delete(waiting.id)
    with pytest.raises(UnknownTask, match=waiting.id):
        client.get(waiting.id)
    with pytest.raises(ResultNotKept):
        waiting.result(timeout="1s")


def test_result_is_not_kept_when_the_retention_is_zero(client: Client) -> None:
    with pytest.raises(ResultNotKept, match="retention"):
        client.enqueue(take_any.request({}, retention="0s")).result(timeout="20s")


def test_result_of_a_task_that_waits_is_late(client: Client) -> None:
    with pytest.raises(ResultTimeout, match="scheduled"):
        client.enqueue(take_any.request({}, delay="1h")).result(timeout="200ms")


def test_unknown_type_and_large_payload_are_refused_with_a_remedy(client: Client) -> None:
    with pytest.raises(UnknownTaskType, match=r"enqueue unheard-of: .*TASKYARD_WORKER_APPS"):
        client.enqueue(Request("unheard-of", b"{}", {}, lambda _: None))
    with pytest.raises(PayloadRefused, match="larger"):
        client.enqueue(take_any.request({"text": "x" * 1024**2}))


def test_operation_that_the_api_does_not_know_says_that_it_is_too_old(client: Client) -> None:
    with pytest.raises(ServerTooOld, match="upgrade the API"):
        next(client.list())


async def test_unreachable_api_is_named_with_the_variable() -> None:
    url = f"http://127.0.0.1:{find_free_port()}"
    with Client(url, timeout="300ms") as client, pytest.raises(NotConnected, match=rf"{url}.*TASKYARD_URL"):
        client.enqueue(take_any.request({}))
    async with AsyncClient(url, timeout="300ms") as async_client:
        with pytest.raises(NotConnected, match=rf"get task first: {url} did not answer"):
            await async_client.get("first")


async def test_attempt_joins_the_trace_of_the_caller(async_client: AsyncClient) -> None:
    context = SpanContext(0x1234, 0x56, is_remote=False, trace_flags=TraceFlags(1))
    with trace.use_span(NonRecordingSpan(context)):
        handle = await async_client.enqueue(take_any.request({}))
        (other,) = [each async for each in async_client.enqueue_many([take_any.request({})])]
    for each in (handle, other):
        assert (await each.get()).traceparent == "00-00000000000000000000000000001234-0000000000000056-01"


async def test_thread_handlers_run_in_the_process_of_the_worker(async_client: AsyncClient) -> None:
    first, second = [await (await async_client.enqueue(say_where.request({}))).result(timeout="20s") for _ in range(2)]
    assert first == second
