"""Clients that never retry, through the shutdown of one of two apis."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from queuecore.embedded import HOST
from queuecore.testing.waiting import eventually
from tests.faults.services.open_connections import Connection
from tests.support.demo_task import DEMO_SCHEMA
from tests.support.service_process import ServiceProcess
from tests.support.system import System

_CLIENTS = 20
_POSTS = 20
"""Of each client, before and after the shutdown."""
_BODY = b'{"type": "demo", "payload": {"message": "hello", "count": 1}}'
_POST = b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)


class _Response(NamedTuple):
    status: int
    closes: bool


class _Client:
    """Posts over one connection at a time, to the old api until it announces the close of a connection."""

    def __init__(self, old: ServiceProcess, new: ServiceProcess) -> None:
        self._port, self._new_port = old.port, new.port
        self._connection: Connection | None = None
        self.statuses: list[int] = []
        self.moved_after: int | None = None
        self.cuts = 0

    async def run(self) -> None:
        while True:
            try:
                response = await self._post()
            except (OSError, asyncio.IncompleteReadError):
                self.cuts += 1
                self._move()
                continue
            self.statuses.append(response.status)
            if response.closes:
                self._move()

    async def _post(self) -> _Response:
        if self._connection is None:
            self._connection = Connection(*await asyncio.open_connection(HOST, self._port))
        reader, writer = self._connection
        writer.write(_POST)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        return _Response(int(head.split(b" ")[1]), b"\r\nconnection: close\r\n" in head)

    def _move(self) -> None:
        if self._connection is not None:
            self._connection.writer.close()
        self._connection, self._port = None, self._new_port
        self.moved_after = len(self.statuses)

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.writer.close()
            await self._connection.writer.wait_closed()

    def has_posted(self) -> bool:
        return len(self.statuses) >= _POSTS

    def has_moved(self) -> bool:
        return self.moved_after is not None and len(self.statuses) >= self.moved_after + _POSTS


async def test_no_post_is_cut_when_one_of_two_apis_shuts_down(system: System) -> None:
    await system.store.directory.register_types({"demo": DEMO_SCHEMA})
    old, new = await system.start_api(), await system.start_api()
    clients = [_Client(old, new) for _ in range(_CLIENTS)]
    posting = [asyncio.create_task(client.run()) for client in clients]
    try:
        await eventually(lambda: all(client.has_posted() for client in clients), within_s=60)
        old.terminate()
        await eventually(lambda: all(client.has_moved() for client in clients), within_s=60)
        assert await old.wait() == 0
    finally:
        for each in posting:
            each.cancel()
        await asyncio.gather(*posting, return_exceptions=True)
        await asyncio.gather(*(client.close() for client in clients))
    assert sum(client.cuts for client in clients) == 0
    assert {status for client in clients for status in client.statuses} == {201}


async def test_idle_connection_gets_a_response_that_announces_the_close_when_the_api_drains(system: System) -> None:
    api = await system.start_api()
    idle = Connection(*await asyncio.open_connection(HOST, api.port))
    assert await idle.ask("/ready/local") == 200
    api.terminate()

    async def draining() -> bool:
        return await api.status("/ready/local") == 503

    await eventually(draining)
    idle.writer.write(b"GET /ready/local HTTP/1.1\r\nHost: x\r\n\r\n")
    said = await asyncio.wait_for(idle.read_until_closed(), 10)
    assert said.startswith(b"HTTP/1.1 503")
    assert b"\r\nconnection: close\r\n" in said.lower()
    assert b"shutting down" in said
    idle.writer.close()
    assert await api.wait() == 0
