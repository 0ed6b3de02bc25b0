from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from queuecontroller.errors import ReadingFailed
from queuecontroller.metrics.http import CHUNK_BYTES, EndpointClient
from queuecontroller.metrics.source import make_source
from queuecontroller.metrics.workers import read_running
from queuecontroller.plan.spec import MetricsRef, PrometheusRef, Seconds
from queuecore.testing.waiting import eventually
from tests.support.kubernetes import kinds
from tests.support.kubernetes.pool_namespace import PoolNamespace

SECRET = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.c2ln"
OWN = (
    b'taskyard_queue_tasks{queue="default",state="pending"} 7\ntaskyard_queue_tasks{queue="default",state="active"} 2\n'
)
LINE = 'taskyard_task_duration_seconds_bucket{{queue="tenant-{}",type="demo",le="0.5"}} 12.0\n'


@asynccontextmanager
async def endpoint(answer: bytes) -> AsyncIterator[str]:
    """A server that sends the same bytes to every connection; its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://user:{SECRET}@127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics?token={SECRET}"


def response(body: bytes, *headers: str) -> bytes:
    head = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""])
    return head.encode() + body


@pytest.fixture
async def endpoints() -> AsyncIterator[EndpointClient]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield EndpointClient(http)


async def test_other_pools_get_their_turn_when_a_response_is_huge(endpoints: EndpointClient) -> None:
    body = "".join(LINE.format(number) for number in range(300_000)).encode() + OWN
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with endpoint(response(body)) as url:
        counting = asyncio.ensure_future(count())
        reading = await make_source(endpoints, MetricsRef(endpoint=url, timeout=Seconds(60)), ["default"]).read()
        counting.cancel()

    assert (reading.queue("default").pending, list(reading.queues)) == (7, ["default"])
    assert turns >= len(body) / CHUNK_BYTES


ANSWERS: dict[str, bytes] = {
    "status-line": f"{SECRET}\r\n\r\n".encode(),
    "header": f"HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n".encode(),
    "chunk": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET}\r\n".encode(),
    "redirect": f"HTTP/1.1 302 {SECRET}\r\nLocation: http://{SECRET}/\r\nContent-Length: 0\r\n\r\n".encode(),
    "compressed": response(SECRET.encode(), f"Content-Encoding: {SECRET}"),
    "text": response(SECRET.encode()),
    "json": response(f'"{SECRET}"'.encode()),
    "label": response(f'taskyard_queue_tasks{{queue="default",state="{SECRET}"}} -1\n'.encode()),
    "within": response(f'taskyard_queue_due_tasks{{queue="default",within="{SECRET}"}} 1\n'.encode()),
    "value": response(f'taskyard_queue_tasks{{queue="default"}} {SECRET}\n'.encode()),
    "pod": response(f'[{{"pod": "{SECRET}", "busy": -1}}]'.encode()),
    "series": response(
        f'{{"data": {{"result": [{{"metric": {{"__name__": "{SECRET}"}}, "value": [1, "{SECRET}"]}}]}}}}'.encode()
    ),
}


@pytest.mark.parametrize("read", ["metrics", "prometheus", "workers"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_error_does_not_quote_the_endpoint(endpoints: EndpointClient, answer: bytes, read: str) -> None:
    async with endpoint(answer) as url:
        prometheus = MetricsRef(prometheus=PrometheusRef(url=url), timeout=Seconds(5))
        calls: dict[str, Callable[[], object]] = {
            "metrics": make_source(endpoints, MetricsRef(endpoint=url), ["default"]).read,
            "prometheus": make_source(endpoints, prometheus, ["default"]).read,
            "workers": lambda: read_running(endpoints, MetricsRef(workers_endpoint=url)),
        }
        with pytest.raises(ReadingFailed) as refused:
            await calls[read]()  # type: ignore[misc]

    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_status_and_events_do_not_quote_the_endpoint(reconciled: PoolNamespace) -> None:
    await reconciled.create_deployment(3)
    reconciled.queues.text = f'taskyard_queue_tasks{{queue="default",state="{SECRET}"}} -1\n'

    await reconciled.create_pool()
    await reconciled.wait_for_failure("MetricsAvailable", "MetricsImplausible")

    async def has_event() -> bool:
        return "MetricsImplausible" in await reconciled.reasons()

    await eventually(has_event)
    assert SECRET not in str(await reconciled.status())
    assert SECRET not in str(await reconciled.client.list(kinds.EVENTS))
