"""Every key that Taskyard keeps in the store.

All keys of a queue carry its name as a hash tag, so that a queue lives in one slot of a Redis Cluster and a script
can move a task between its states in one step.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

ROOT = "taskyard:"

QUEUES = f"{ROOT}queues"
"""Set: the names of all queues that were ever used."""
TYPES = f"{ROOT}types"
"""Hash: task type -> JSON Schema of its payload, or ``null`` where it has none."""
WORKERS = f"{ROOT}workers"
"""Sorted set: worker id -> when its registration lapses, Unix ms."""
WORKER = f"{ROOT}worker:"
"""Prefix of a string key per worker: its registration, JSON, with a time to live."""
IDEMPOTENCY = f"{ROOT}idempotency:"
"""Prefix of a string key per ``Idempotency-Key``: the fingerprint of the first request, with a time to live."""

DUE_CHANNEL = f"{ROOT}due"
"""Channel: the name of a queue whose earliest due time has come nearer."""
CANCEL_CHANNEL = f"{ROOT}cancel"
"""Channel: ``<queue> <task id>`` of a running task whose cancel was asked for."""


class QueueKeys(NamedTuple):
    """The keys of one queue. Scripts name in their headers which of them they take."""

    queue: str
    prefix: str
    """``taskyard:{<queue>}:``; followed by ``t:<id>`` it is a task's envelope (string), by ``r:<id>`` its run record
    (hash), by ``u:<digest>`` a unique lock (string: the holder's id), by ``i:<digest>`` the answer to an idempotent
    enqueue (string)."""
    pending: str
    """Sorted set of ids: entry score, see ``lua/include/entry.lua``."""
    active: str
    """Sorted set of ids: when the lease lapses, Unix ms."""
    scheduled: str
    """Sorted set of ids: when due, Unix ms."""
    retry: str
    """Sorted set of ids: when due, Unix ms."""
    archived: str
    """Sorted set of ids: when forgotten, Unix ms."""
    completed: str
    """Sorted set of ids: when forgotten, Unix ms."""
    wake: str
    """List of at most one token; idle workers sleep on it."""
    totals: str
    """Hash of counters that only grow, see :mod:`queuecore.store.queues.totals`."""
    limits: str
    """Hash of ``max_depth`` and ``max_bytes``, as far as the queue has limits of its own."""
    bytes: str
    """Integer: the sizes of all envelopes of the queue, whatever the state of their task."""
    paused: str
    """String: exists while the queue is paused."""


@lru_cache(maxsize=10_000)
def queue_keys(queue: str) -> QueueKeys:
    """The keys of the queue with this name."""
    prefix = f"{ROOT}{{{queue}}}:"
    return QueueKeys(queue, prefix, *(prefix + field for field in QueueKeys._fields[2:]))


def envelope_key(keys: QueueKeys, task_id: str) -> str:
    """The key of a task's envelope."""
    return f"{keys.prefix}t:{task_id}"
