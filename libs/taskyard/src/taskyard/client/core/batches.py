"""Batches: enqueue a stream of requests in chunks, each task exactly once however often its chunk is repeated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from taskyard.client.core.answers import BatchItem, BatchItems, Created
from taskyard.client.core.call import Pause, Steps
from taskyard.client.core.calls import batch_call, enqueue_call
from taskyard.client.core.exchange import Environment, exchange, is_repeated, pause_after
from taskyard.client.core.operations import new_key
from taskyard.client.core.refusal import refusal, refusal_of
from taskyard.errors import PayloadRefused, Refused
from taskyard.request import Request

CHUNK_TASKS = 500
"""Most tasks of one call; the API accepts 1,000."""
CHUNK_BYTES = 2 * 1024**2
"""Most bytes of one call, unless one task alone is larger; the API accepts 16 MiB by default."""

TOO_LARGE = 413

_decode_items = msgspec.json.Decoder(BatchItems).decode


class Entry(msgspec.Struct, frozen=True):
    """A request of a batch, as sent."""

    request: Request[object]
    body: bytes


def prepare(request: Request[object], env: Environment) -> Entry:
    """The entry of a request. Its idempotency key is its own, so that the rest of a chunk may be sent again."""
    body = request.body(int(env.now() * 1000))
    return Entry(request, b'%b,"idempotency_key":"%b"}' % (body[:-1], new_key().encode()))


class Chunks:
    """Collects entries into chunks by number and size."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._bytes = 0

    def add(self, entry: Entry) -> list[Entry]:
        """Add an entry; returns a chunk to be sent if one is full, else an empty list."""
        full = len(self._entries) >= CHUNK_TASKS or self._bytes + len(entry.body) > CHUNK_BYTES
        chunk = self.take() if full else []
        self._entries.append(entry)
        self._bytes += len(entry.body)
        return chunk

    def take(self) -> list[Entry]:
        """The last chunk; empty if nothing is left."""
        chunk, self._entries, self._bytes = self._entries, [], 0
        return chunk


def chunks(requests: Iterable[Request[object]], env: Environment) -> Iterator[list[Entry]]:
    """Split requests into chunks; the requests are read as the chunks are."""
    collected = Chunks()
    for request in requests:
        if chunk := collected.add(prepare(request, env)):
            yield chunk
    if chunk := collected.take():
        yield chunk


def enqueue_chunk(
    entries: list[Entry], headers: Mapping[str, str], env: Environment, *, repeats: bool = True
) -> Steps[list[Created | Refused]]:
    """Enqueue a chunk and return the fate of each task, in order.

    With ``repeats``, tasks that may be accepted later, as of a full queue, are sent again until the time limit of a
    call has passed.

    Raises:
        NotConnected: no answer arrived within the time limit.
        Refused: the API refused the chunk as a whole.
    """
    end_at = env.clock() + env.timeout_s
    items: dict[int, BatchItem] = {}
    waiting = list(range(len(entries)))
    attempts = 0
    while True:
        attempts += 1
        sent = yield from _send([entries[index] for index in waiting], headers, env)
        items.update(zip(waiting, sent, strict=True))
        waiting = [index for index in waiting if is_repeated(items[index].status_code, attempts)]
        pauses_s = [float(items[index].details.get("retry_after_s", 0)) for index in waiting]
        pause_s = max([pause_after(attempts, env), *pauses_s])
        if not waiting or not repeats or env.clock() + pause_s >= end_at:
            return [_fate(entry, items[index], env) for index, entry in enumerate(entries)]
        yield Pause(pause_s)


def _send(entries: list[Entry], headers: Mapping[str, str], env: Environment) -> Steps[list[BatchItem]]:
    """Send a chunk; in halves if it is larger than the API accepts."""
    call = batch_call([entry.request for entry in entries], [entry.body for entry in entries], headers)
    try:
        answer = yield from exchange(call, env)
    except PayloadRefused as error:
        if error.status != TOO_LARGE:
            raise
        if len(entries) == 1:
            return [BatchItem(status_code=TOO_LARGE, error=str(error), code=error.code, details=error.details)]
        half = len(entries) // 2
        first = yield from _send(entries[:half], headers, env)
        return first + (yield from _send(entries[half:], headers, env))
    try:
        items = list(_decode_items(answer.body).results)
    except msgspec.DecodeError as error:
        raise refusal(env.url, call, answer) from error
    if len(items) != len(entries):
        raise Refused(f"{call.operation}: {env.url} answers with {len(items)} results", status=answer.status)
    return items


def _fate(entry: Entry, item: BatchItem, env: Environment) -> Created | Refused:
    if item.status_code < 300:
        return Created(task_id=item.task_id, queue=item.queue, status=item.status)
    call = enqueue_call(entry.request, entry.body, "", {})
    return refusal_of(env.url, call, item.status_code, item.error, item.code, item.details)
