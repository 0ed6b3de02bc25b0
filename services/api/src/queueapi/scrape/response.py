"""Response with text that is written while it is sent."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from queueapi.scrape.snapshot import SnapshotRetired
from queuecore.observe.metrics.text import QUICK

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

CHUNK_BYTES = 64 * 1024
"""Bytes, before compression, that are sent between two turns of the event loop."""
_GZIP = zlib.MAX_WBITS | 16


class StreamedText:
    """A response that is sent chunk by chunk, each when the client has read most of those before.

    Args:
        parts: the text.
        headers: describe it; ``Content-Encoding`` compresses it.
    """

    def __init__(self, parts: Iterable[bytes], headers: Mapping[str, str]) -> None:
        self._parts = parts
        self._headers = headers

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the response."""
        chunks = _join(self._parts, CHUNK_BYTES)
        if "Content-Encoding" in self._headers:
            chunks = _compress(chunks)
        headers = [(name.lower().encode(), value.encode()) for name, value in self._headers.items()]
        if scope["http_version"] == "1.0":  # has no chunked responses
            body = b"".join(chunks)
            chunks = iter((body,))
            headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                # Sending waits only while the write buffer is full.
                await asyncio.sleep(0)
        except SnapshotRetired:
            return  # without an end, so that the client knows that the text is incomplete
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _join(parts: Iterable[bytes], least_bytes: int) -> Iterator[bytes]:
    joined: list[bytes] = []
    size = 0
    for part in parts:
        joined.append(part)
        size += len(part)
        if size >= least_bytes:
            yield b"".join(joined)
            joined, size = [], 0
    if size:
        yield b"".join(joined)


def _compress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(QUICK, zlib.DEFLATED, _GZIP)
    yield from filter(None, map(compressor.compress, chunks))
    yield compressor.flush()
