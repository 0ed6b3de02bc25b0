"""Script calls for many tasks, split by queue and into chunks of bounded work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from queuecore.errors import StoreError
from queuecore.store.client.server import ROUND_TRIP_BYTES, Server
from queuecore.store.result import Result
from queuecore.store.scripts.call import Call, Item
from queuecore.store.scripts.replies import Reply

CHUNK = 200
"""Tasks per script call. A script blocks the server, so this keeps a call well under a few milliseconds."""

AnItem = TypeVar("AnItem", bound=Item)
T = TypeVar("T")


class ScriptRunner(Protocol):
    """Runs script calls: the server itself, or together with its replicas."""

    async def run_all(self, calls: Sequence[Call]) -> list[Result[Any]]:
        """Run scripts; the reply or error of each."""


def _small(_item: Item) -> int:
    return 0


async def run_items(
    server: ScriptRunner,
    items: Sequence[AnItem],
    make_call: Callable[[str, Sequence[AnItem]], Call],
    read: Callable[[AnItem, Any], T],
    size: Callable[[AnItem], int] = _small,
) -> list[Result[T]]:
    """Run a script on all ``items`` in as few calls as their queues and sizes allow.

    Args:
        server: the store.
        items: in the order in which the script handles them within their queue.
        make_call: the script's function of :mod:`queuecore.store.scripts.calls`; takes a queue and items of it.
        read: makes a value of an item and its reply.
        size: the bytes of an item, for items that may be large.

    Returns:
        One result per item, in the order of ``items``.
    """
    chunks: list[list[int]] = []
    calls: list[Call] = []
    for queue, places in _by_queue(items).items():
        for chunk, chunk_bytes in _split(places, [size(items[place]) for place in places]):
            chunks.append(chunk)
            calls.append(make_call(queue, [items[place] for place in chunk])._replace(size=chunk_bytes))
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
    server: Server,
    items: Sequence[AnItem],
    make_call: Callable[[str, Sequence[AnItem]], Call],
    size: Callable[[AnItem], int] = _small,
) -> list[Result[Reply]]:
    """:func:`run_items` for scripts that return a :class:`~queuecore.store.scripts.replies.Reply` per item."""
    return await run_items(server, items, make_call, _read_reply, size)


def _read_reply(_item: Item, reply: int) -> Reply:
    return _REPLIES[reply]


_REPLIES = {reply.value: reply for reply in Reply}
"""Looking a member up here is several times faster than ``Reply(number)``."""


def _split(places: list[int], sizes: list[int]) -> Iterator[tuple[list[int], int]]:
    """Chunks of at most :data:`CHUNK` items and, unless a single item exceeds it, :data:`ROUND_TRIP_BYTES`."""
    if len(places) <= CHUNK and (total := sum(sizes)) <= ROUND_TRIP_BYTES:
        yield places, total
        return
    chunk: list[int] = []
    total = 0
    for place, item_bytes in zip(places, sizes, strict=True):
        if chunk and (len(chunk) == CHUNK or total + item_bytes > ROUND_TRIP_BYTES):
            yield chunk, total
            chunk, total = [], 0
        chunk.append(place)
        total += item_bytes
    yield chunk, total


def _by_queue(items: Sequence[Item]) -> dict[str, list[int]]:
    queues: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        queues.setdefault(item.queue, []).append(place)
    return queues
