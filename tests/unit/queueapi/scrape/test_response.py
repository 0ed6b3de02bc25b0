from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from typing import Any, cast

import pytest

from queueapi.scrape.response import CHUNK_BYTES, StreamedText
from queueapi.scrape.snapshot import SnapshotRetired

PARTS = [b"part %06d\n" % place for place in range(40_000)]
TEXT = b"".join(PARTS)


class Client:
    """An ASGI server with a client that reads when it is let."""

    def __init__(self, http_version: str = "1.1", *, reads: bool = True) -> None:
        self.scope: Any = {"type": "http", "http_version": http_version}
        self.messages: list[dict[str, Any]] = []
        self.has_chunk = asyncio.Event()
        self._may_read = asyncio.Event()
        if reads:
            self._may_read.set()

    async def send(self, message: Any) -> None:
        self.messages.append(message)
        if message["type"] == "http.response.body":
            self.has_chunk.set()
            await self._may_read.wait()

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.messages[1:]]

    @property
    def is_complete(self) -> bool:
        return not self.messages[-1]["more_body"]


async def respond(client: Client, response: StreamedText) -> None:
    await response(client.scope, cast("Any", None), client.send)


async def test_text_is_sent_in_chunks() -> None:
    client = Client()

    await respond(client, StreamedText(PARTS, {"Content-Type": "text/plain"}))

    assert b"".join(client.bodies) == TEXT
    assert max(map(len, client.bodies)) < CHUNK_BYTES + 100
    assert client.is_complete
    assert client.messages[0]["headers"] == [(b"content-type", b"text/plain")]


async def test_text_is_compressed_in_chunks_when_its_headers_say_so() -> None:
    client = Client()

    await respond(client, StreamedText(PARTS, {"Content-Encoding": "gzip"}))

    assert gzip.decompress(b"".join(client.bodies)) == TEXT
    assert client.is_complete


async def test_text_is_sent_with_its_length_when_the_client_knows_no_chunks() -> None:
    client = Client("1.0")

    await respond(client, StreamedText(PARTS, {}))

    assert client.messages[0]["headers"] == [(b"content-length", b"%d" % len(TEXT))]
    assert b"".join(client.bodies) == TEXT


async def test_text_is_written_no_further_when_the_client_does_not_read() -> None:
    client, written = Client(reads=False), 0

    def write() -> Iterator[bytes]:
        nonlocal written
        for part in PARTS:
            written += len(part)
            yield part

    response = asyncio.create_task(respond(client, StreamedText(write(), {})))
    await client.has_chunk.wait()

    assert written < CHUNK_BYTES + 100
    response.cancel()


@pytest.mark.parametrize("encoding", [{}, {"Content-Encoding": "gzip"}])
async def test_response_stays_incomplete_when_the_snapshot_is_retired(encoding: dict[str, str]) -> None:
    client = Client()

    def write() -> Iterator[bytes]:
        yield TEXT
        raise SnapshotRetired

    await respond(client, StreamedText(write(), encoding))

    assert not client.is_complete


async def test_others_have_their_turn_between_two_chunks() -> None:
    client, turns = Client(), 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await respond(client, StreamedText(PARTS, {}))
    counting.cancel()

    assert turns >= len(client.bodies) - 1 > 1
