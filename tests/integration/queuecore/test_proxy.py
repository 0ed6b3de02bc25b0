from __future__ import annotations

import asyncio
import socket

import pytest

from queuecore.embedded import HOST
from queuecore.testing.proxy import FaultyProxy

_CLIENTS = 5


@pytest.mark.parametrize("turns", range(8))
async def test_proxy_disconnects_its_clients_when_it_closes_while_they_connect(turns: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        async with FaultyProxy(server.sockets[0].getsockname()[1]) as proxy:
            clients = [socket.create_connection((HOST, proxy.port)) for _ in range(_CLIENTS)]
            for _ in range(turns):
                await asyncio.sleep(0)
        for client in clients:
            client.setblocking(False)
            assert await _is_disconnected(client)
            client.close()


async def _is_disconnected(client: socket.socket) -> bool:
    try:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1), 5) == b""
    except ConnectionResetError:
        return True
