from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path

import pytest

from queuecore.embedded import EmbeddedValkey
from tests.support.service_process import running

_REQUESTS = 200
_PIPELINED = {
    "metrics": _REQUESTS * b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    "get": 10 * _REQUESTS * b"GET /api/v1/tasks/abc HTTP/1.1\r\nHost: x\r\n\r\n",
    "post": _REQUESTS * b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    "incomplete": _REQUESTS * b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"
    + b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{",
}
_MOST_LOGGED_BYTES = 1_000
_RESET = struct.pack("ii", 1, 0)


@pytest.mark.usefixtures("types", "store")
@pytest.mark.parametrize("requests", _PIPELINED.values(), ids=_PIPELINED)
@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
async def test_little_is_logged_when_the_client_of_pipelined_requests_goes_away(
    valkey: EmbeddedValkey, tmp_path: Path, requests: bytes, reset: bool
) -> None:
    with running("queueapi", valkey.url, tmp_path / "log", TASKYARD_API_LINGER="0s") as api:
        before = len(api.log)
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
            if reset:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.write(requests)
            await writer.drain()
            # Some responses have come when the client goes away.
            await reader.readexactly(1)
            writer.close()
            await writer.wait_closed()
        assert (await api.get("/live")).status_code == 200
        assert await api.stop() == 0
        assert len(api.log) - before < _MOST_LOGGED_BYTES, api.log[:3_000]
