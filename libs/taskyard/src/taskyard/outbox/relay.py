"""The relay: enqueues the tasks of the outbox. Any number of relays may work on one table."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from taskyard.client.connection import choose_token, choose_url
from taskyard.client.core.answers import Created
from taskyard.client.core.batches import Chunks, Entry, enqueue_chunk
from taskyard.client.core.exchange import Environment
from taskyard.client.transport import HttpTransport, SyncTransport, perform
from taskyard.errors import ClientError, Refused
from taskyard.outbox.decision import decide, is_about_content
from taskyard.outbox.options import RelayOptions
from taskyard.outbox.rows import Row, claim, prune, record, release
from taskyard.outbox.table import REFUSED, WAITING
from taskyard.request import Request

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
PRUNE_S = 30.0
"""Time between two searches for old rows."""

_log = logging.getLogger("taskyard.outbox")


class Relay:
    """Enqueues the tasks of committed transactions, each exactly once however often relays die or repeat.

    The row's key is the idempotency key of every attempt, and its task id is fixed. A relay that is killed between the
    enqueue and its record therefore enqueues nothing twice.

    Args:
        engine: of the database with the outbox; each statement is a transaction of its own.
        url: address of the API; without it, ``TASKYARD_URL``.
        token: token for the API; without it, ``TASKYARD_TOKEN`` or the file that ``TASKYARD_TOKEN_FILE`` names.
        options: limits and times.
        transport: sends the calls; without it, HTTP. For tests.

    Raises:
        ConfigError: no address of the API is set.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        url: str | None = None,
        token: str | None = None,
        options: RelayOptions | None = None,
        transport: SyncTransport | None = None,
    ) -> None:
        self._options = options or RelayOptions()
        address = choose_url(url)
        self._engine = engine
        self._env = Environment(url=address, timeout_s=self._options.timeout_ms / 1000)
        self._prune_at = 0.0
        self._transport = transport or HttpTransport(address, choose_token(token))

    def run(self, stop: threading.Event) -> None:
        """Relay until the event is set. An unreachable API or database is logged and retried with backoff."""
        failures = 0
        while not stop.is_set():
            try:
                handled = self.relay_batch()
                self._prune()
            except (ClientError, SQLAlchemyError) as error:
                failures += 1
                pause_s = _pause_s(failures)
                _log.error("outbox cannot be relayed, retry in %.1fs: %s", pause_s, reason(error))
                stop.wait(pause_s)
                continue
            failures = 0
            if not handled:
                stop.wait(self._options.poll_s)

    def run_until_empty(self, stop: threading.Event) -> None:
        """Relay until no row is due or the event is set; errors as of :meth:`relay_batch`."""
        while not stop.is_set() and self.relay_batch():
            pass
        self._prune()

    def relay_batch(self) -> int:
        """Relay one batch of due rows.

        Returns:
            The number of rows that were due.

        Raises:
            ClientError: the API did not answer, or refuses every call; the rows stay in the outbox.
            SQLAlchemyError: the database refuses a statement; the rows stay in the outbox.
        """
        rows = claim(self._engine, self._options.batch, self._options.claim_ms)
        handled: set[int] = set()
        try:
            for chunk in _chunks(rows):
                self._relay(chunk)
                handled.update(entry.row.position for entry in chunk)
        except ClientError:
            release(self._engine, [row for row in rows if row.position not in handled])
            raise
        return len(rows)

    def close(self) -> None:
        """Close the connections to the API; the engine is the caller's."""
        self._transport.close()

    def _prune(self) -> None:
        if time.monotonic() >= self._prune_at:
            deleted = prune(self._engine, self._options.retention_ms)
            # The rest of many soon, without holding up the rows that are due.
            self._prune_at = time.monotonic() + (0 if deleted else PRUNE_S)

    def _relay(self, chunk: Sequence[_Claimed]) -> None:
        fates = self._send(chunk)
        verdicts = [
            (each.row, decide(fate, each.row.task_id, each.row.attempts, each.row.age_ms))
            for each, fate in zip(chunk, fates, strict=True)
        ]
        record(self._engine, verdicts)
        for row, verdict in verdicts:
            if verdict.state == REFUSED:
                _log.error("outbox task %s of type %s is refused: %s", row.task_id, row.type, verdict.error)
            elif verdict.state == WAITING:
                pause_s = verdict.pause_ms / 1000
                _log.warning("outbox task %s is retried in %.1fs: %s", row.task_id, pause_s, verdict.error)
        counts = Counter(verdict.state for _, verdict in verdicts)
        _log.info("outbox batch: %s", ", ".join(f"{number} {state}" for state, number in sorted(counts.items())))

    def _send(self, chunk: Sequence[_Claimed]) -> list[Created | Refused]:
        """The fates of the tasks, in order. One that spoils the whole call is found by halving."""
        entries = [each.entry for each in chunk]
        headers = msgspec.json.decode(chunk[0].row.trace, type=dict[str, str])
        try:
            return perform(enqueue_chunk(entries, headers, self._env, repeats=False), self._transport)
        except Refused as error:
            if not is_about_content(error):
                raise
            if len(chunk) == 1:
                return [error]
        half = len(chunk) // 2
        return self._send(chunk[:half]) + self._send(chunk[half:])


def reason(error: ClientError | SQLAlchemyError) -> str:
    """The message of an error, without the statement's parameters, which hold payloads."""
    return f"{type(error).__name__}: {error.orig}" if isinstance(error, DBAPIError) else str(error)


def _pause_s(failures: int) -> float:
    """Seconds before another attempt after failures in a row: they double, with jitter, because relays are many."""
    longest_s = min(FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE_S)
    return longest_s * random.uniform(0.5, 1)  # noqa: S311 - not a secret


class _Claimed(msgspec.Struct, frozen=True):
    """A claimed row and its part of a batch call."""

    row: Row
    entry: Entry


def _chunks(rows: Sequence[Row]) -> list[list[_Claimed]]:
    """Split rows by trace, because a call has one, and by size."""
    by_trace = sorted(rows, key=lambda row: row.trace)
    chunks: list[list[_Claimed]] = []
    for _, same in groupby(by_trace, key=lambda row: row.trace):
        claimed = [_Claimed(row, _entry(row)) for row in same]
        collected = Chunks()
        sizes = [len(full) for each in claimed if (full := collected.add(each.entry))]
        for size in [*sizes, len(collected.take())]:
            chunks.append(claimed[:size])
            claimed = claimed[size:]
    return chunks


def _entry(row: Row) -> Entry:
    body = b'%b,"idempotency_key":"%b"}' % (row.body.encode()[:-1], row.key.encode())
    return Entry(Request(row.type, b"", {"queue": row.queue}, bytes), body)
