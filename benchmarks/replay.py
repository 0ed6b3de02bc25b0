"""Fills a store with tasks at the speed of the server, whatever the speed of a contender's client.

The contender's own client enqueues one task while ``MONITOR`` records what it sends. The commands are then sent again
and again, each time with another number and other ids in place of the recorded ones. So the store holds byte for byte
what the client would have made of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import hiredis

from benchmarks.processes import AgentCall
from benchmarks.stage import Stage
from benchmarks.template import Template, pack, parse_monitored

_MARK = b"bench-end-of-record"
_TEMPLATE = 7_777_777_777
_CHUNK = 500


async def fill(stage: Stage, agent: AgentCall, kind: str, count: int, width: int = 10) -> None:
    """Enqueue the tasks 0 to ``count - 1`` of a kind.

    Raises:
        AssertionError: the store does not hold as many unfinished tasks more as were sent.
    """
    # The first makes what the store must have once, such as the names of queues and loaded scripts.
    await agent.ask("enqueue", kind=kind, first=0, count=1, how="single", width=width)
    template = await _record(stage, agent, kind, width)
    await stage.redis.flushdb()
    await agent.ask("prepare")
    await agent.ask("enqueue", kind=kind, first=0, count=1, how="single", width=width)
    await _send(stage, template, (b"%0*d" % (width, number) for number in range(1, count)))
    if (held := await agent.ask("unfinished")) != count:
        raise AssertionError(f"{count} tasks were put into the store, it holds {held}")


async def _record(stage: Stage, agent: AgentCall, kind: str, width: int) -> Template:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.server.port, limit=2**24)
    writer.write(b"MONITOR\r\n")
    await reader.readline()
    await agent.ask("enqueue", kind=kind, first=_TEMPLATE, count=1, how="single", width=width)
    await stage.redis.echo(_MARK)
    commands = []
    while _MARK not in (line := await reader.readline()):
        if command := parse_monitored(line):
            commands.append(command)
    writer.close()
    return Template(commands, b"%0*d" % (width, _TEMPLATE))


async def _send(stage: Stage, template: Template, numbers: Iterator[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.server.port, limit=2**20)
    database = int(stage.url.rpartition("/")[2])
    writer.write(pack((b"SELECT", b"%d" % database)))
    replies = hiredis.Reader()
    awaited = 1
    chunk: list[bytes] = []
    for number in numbers:
        chunk.append(template.render(number))
        if len(chunk) == _CHUNK:
            # One chunk is read while the next is made.
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
            raise RuntimeError(f"a recorded command was refused: {reply}")  # noqa: TRY004 - the server said so
        awaited -= 1
