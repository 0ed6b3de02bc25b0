"""One script call for many tasks, split by queue and into chunks of bounded work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from queuecore.errors import StoreError
from queuecore.store.client.server import Call, Server
from queuecore.store.scripts.loader import Argument, Script
from queuecore.store.scripts.replies import Reply

CHUNK = 200
"""Tasks per script call: the server does nothing else meanwhile, so a call stays well under a few milliseconds."""

Settled = Reply | StoreError


class Item(msgspec.Struct, frozen=True):
    """One task's share of a script call."""

    queue: str
    arguments: tuple[Argument, ...]


async def run_items(server: Server, script: Script, items: Sequence[Item], fixed: Sequence[Argument] = ()) -> list[Any]:
    """Run ``script`` on all ``items`` in as few calls as their queues allow.

    Args:
        server: where to run it.
        script: takes ``fixed``, then each item's arguments; returns one answer per item.
        items: in the order in which they are to be done within their queue.
        fixed: the arguments ahead of the items.

    Returns:
        One answer per item in the order of ``items``; the error where the item's call failed.
    """
    chunks: list[Sequence[int]] = []
    calls: list[Call] = []
    for queue, members in _by_queue(items).items():
        for start in range(0, len(members), CHUNK):
            chunk = members[start : start + CHUNK]
            arguments = [*fixed]
            for place in chunk:
                arguments.extend(items[place].arguments)
            chunks.append(chunk)
            calls.append(Call(script, queue, arguments))
    answers: list[Any] = [None] * len(items)
    for places, answer in zip(chunks, await server.run_all(calls), strict=True):
        for index, place in enumerate(places):
            answers[place] = answer if isinstance(answer, StoreError) else answer[index]
    return answers


async def settle_items(
    server: Server, script: Script, items: Sequence[Item], fixed: Sequence[Argument] = ()
) -> list[Settled]:
    """:func:`run_items` for scripts that answer each item with a :class:`~queuecore.store.scripts.replies.Reply`."""
    answers = await run_items(server, script, items, fixed)
    return [answer if isinstance(answer, StoreError) else Reply(answer) for answer in answers]


def _by_queue(items: Sequence[Item]) -> dict[str, list[int]]:
    queues: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        queues.setdefault(item.queue, []).append(place)
    return queues
