"""Script calls for many tasks, split by queue and into chunks of bounded work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from queuecore.errors import StoreError
from queuecore.store.client.server import Server
from queuecore.store.result import Result
from queuecore.store.scripts.call import Call, Item
from queuecore.store.scripts.replies import Reply

CHUNK = 200
"""Tasks per script call. A script blocks the server, so this keeps a call well under a few milliseconds."""

AnItem = TypeVar("AnItem", bound=Item)
T = TypeVar("T")


async def run_items(
    server: Server,
    items: Sequence[AnItem],
    make_call: Callable[[str, Sequence[AnItem]], Call],
    read: Callable[[AnItem, Any], T],
) -> list[Result[T]]:
    """Run a script on all ``items`` in as few calls as their queues allow.

    Args:
        server: the store.
        items: in the order in which the script handles them within their queue.
        make_call: the script's function of :mod:`queuecore.store.scripts.calls`; takes a queue and items of it.
        read: makes a value of an item and its reply.

    Returns:
        One result per item, in the order of ``items``.
    """
    chunks: list[list[int]] = []
    calls: list[Call] = []
    for queue, places in _by_queue(items).items():
        for start in range(0, len(places), CHUNK):
            chunk = places[start : start + CHUNK]
            chunks.append(chunk)
            calls.append(make_call(queue, [items[place] for place in chunk]))
    results: list[Any] = [None] * len(items)
    for chunk, replies in zip(chunks, await server.run_all(calls), strict=True):
        if isinstance(replies, StoreError):
            for place in chunk:
                results[place] = replies
        else:
            for place, reply in zip(chunk, replies, strict=True):
                results[place] = read(items[place], reply)
    return results


async def settle_items(
    server: Server, items: Sequence[AnItem], make_call: Callable[[str, Sequence[AnItem]], Call]
) -> list[Result[Reply]]:
    """:func:`run_items` for scripts that return a :class:`~queuecore.store.scripts.replies.Reply` per item."""
    return await run_items(server, items, make_call, _read_reply)


def _read_reply(_item: Item, reply: int) -> Reply:
    return _REPLIES[reply]


_REPLIES = {reply.value: reply for reply in Reply}
"""Looking a member up here is several times faster than ``Reply(number)``."""


def _by_queue(items: Sequence[Item]) -> dict[str, list[int]]:
    queues: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        queues.setdefault(item.queue, []).append(place)
    return queues
