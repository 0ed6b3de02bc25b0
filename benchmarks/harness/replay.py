"""Fill a store by replay, at the speed of the server instead of the speed of a contender's client.

The contender's client enqueues one task while ``MONITOR`` records its commands. The commands are then replayed, each
time with another number and other ids in place of the recorded ones. The store therefore holds the same bytes as if the
client had enqueued every task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import hiredis

from benchmarks.harness.command_template import Template, pack, parse_monitored
from benchmarks.harness.process import DriverClient
from benchmarks.harness.testbed import Testbed

_MARK = b"bench-end-of-record"
_TEMPLATE = 7_777_777_777
_CHUNK = 500


async def fill(testbed: Testbed, driver: DriverClient, kind: str, count: int, width: int = 10) -> None:
    """Enqueue the tasks 0 to ``count - 1`` of a kind.

    Raises:
        AssertionError: the number of unfinished tasks in the store is not ``count``.
    """
    # The first task creates what the store needs once, such as queue names and cached scripts.
    await driver.call("enqueue", kind=kind, first=0, count=1, how="single", width=width)
    template = await _record(testbed, driver, kind, width)
    await testbed.redis.flushdb()
    await driver.call("prepare")
    await driver.call("enqueue", kind=kind, first=0, count=1, how="single", width=width)
    await _send(testbed, template, (b"%0*d" % (width, number) for number in range(1, count)))
    if (held := await driver.call("unfinished")) != count:
        raise AssertionError(f"{count} tasks were replayed, the store holds {held}")


async def _record(testbed: Testbed, driver: DriverClient, kind: str, width: int) -> Template:
    reader, writer = await asyncio.open_connection("127.0.0.1", testbed.server.port, limit=2**24)
    writer.write(b"MONITOR\r\n")
    await reader.readline()
    await driver.call("enqueue", kind=kind, first=_TEMPLATE, count=1, how="single", width=width)
    await testbed.redis.echo(_MARK)
    commands = []
    while _MARK not in (line := await reader.readline()):
        if command := parse_monitored(line):
            commands.append(command)
    writer.close()
    return Template(commands, b"%0*d" % (width, _TEMPLATE))


async def _send(testbed: Testbed, template: Template, numbers: Iterator[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", testbed.server.port, limit=2**20)
    database = int(testbed.url.rpartition("/")[2])
    writer.write(pack((b"SELECT", b"%d" % database)))
    replies = hiredis.Reader()
    awaited = 1
    chunk: list[bytes] = []
    for number in numbers:
        chunk.append(template.render(number))
        if len(chunk) == _CHUNK:
            # Read the replies to one chunk while the next is rendered.
            await _read(reader, replies, awaited)
            awaited = await _write(writer, chunk, template)
    await _read(reader, replies, awaited)
    await _read(reader, replies, await _write(writer, chunk, template))
    writer.close()


async def _write(writer: asyncio.StreamWriter, chunk: list[bytes], template: Template) -> int:
    writer.write(b"".join(chunk))
    await writer.drain()
    awaited = len(chunk) * template.commands
    chunk.clear()
    return awaited


async def _read(reader: asyncio.StreamReader, replies: Any, awaited: int) -> None:
    while awaited:
        reply = replies.gets()
        if reply is False:
            replies.feed(await reader.read(65536))
            continue
        if isinstance(reply, hiredis.ReplyError):
            raise RuntimeError(f"a replayed command failed: {reply}")  # noqa: TRY004 - an error reply of the server
        awaited -= 1
