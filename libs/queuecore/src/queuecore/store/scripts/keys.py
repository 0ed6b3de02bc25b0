"""Every key and channel of the store.

The name of a queue is the hash tag of its keys: a queue occupies one slot of a Redis Cluster, and one script can move a
task between its states.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

ROOT = "taskyard:"

QUEUES = f"{ROOT}queues"
"""Set: the names of all queues ever used."""
TYPES = f"{ROOT}types"
"""Hash: task type -> JSON Schema of its payload, or ``null`` for none."""
WORKERS = f"{ROOT}workers"
"""Sorted set: worker id -> when its registration expires, Unix ms."""
WORKER = f"{ROOT}worker:"
"""Prefix of a string key per worker: its registration, JSON, with a time to live."""
IDEMPOTENCY = f"{ROOT}idempotency:"
"""Prefix of a string key per ``Idempotency-Key``: the fingerprint of the first request, with a time to live."""
IDEMPOTENCY_SHARES = f"{ROOT}shares:{{{{{{}}}}}}"
"""Format of the key of a set, with a short time to live: the requests that share a claim. It takes the claim's key
as its hash tag: both are in one slot of a Cluster."""

DUE_CHANNEL = f"{ROOT}due"
"""Channel: the name of a queue whose earliest due time has moved forward."""
CANCEL_CHANNEL = f"{ROOT}cancel"
"""Channel: ``<queue> <task id>`` of a running task whose cancellation was requested."""


class QueueKeys(NamedTuple):
    """The keys of one queue. Each script names the keys that it takes in its header."""

    queue: str
    prefix: str
    """``taskyard:{<queue>}:``, the prefix of the keys of single tasks: ``t:<id>`` is an envelope (string), ``r:<id>`` a
    run record (hash), ``u:<digest>`` a unique lock (string: the holder's id), ``i:<digest>`` the answer to an
    idempotent enqueue (string)."""
    pending: str
    """Sorted set of ids: entry score, see ``lua/include/entry.lua``."""
    active: str
    """Sorted set of ids: when the lease expires, Unix ms."""
    scheduled: str
    """Sorted set of ids: when due, Unix ms."""
    retry: str
    """Sorted set of ids: when due, Unix ms."""
    archived: str
    """Sorted set of ids: when the retention ends, Unix ms."""
    completed: str
    """Sorted set of ids: when the retention ends, Unix ms."""
    wake: str
    """List of at most one wake-up; idle workers block on it."""
    totals: str
    """Hash of counters that only increase, see :mod:`queuecore.store.queues.totals`."""
    limits: str
    """Hash of ``max_depth``, ``max_bytes`` and ``durability``, where the queue has its own."""
    bytes: str
    """Integer: the size of all envelopes of the queue, in all states."""
    answer_bytes: str
    """Hash with a time to live: when answers to idempotent enqueues end, Unix ms -> their bytes, see
    ``lua/include/answers.lua``."""
    paused: str
    """String: exists while the queue is paused."""
    large: str
    """String with a time to live: exists while the queue may hold envelopes of more than 16 KiB."""
    settings: str
    """Hash of ``archive_retention_ms`` and ``priority_ageing_ms``, where the queue has settings of its own."""
    fence: str
    """String: written with each enqueue that replicas acknowledge, see :mod:`queuecore.store.client.replication`."""


@lru_cache(maxsize=10_000)
def queue_keys(queue: str) -> QueueKeys:
    """The keys of the queue with this name."""
    prefix = f"{ROOT}{{{queue}}}:"
    return QueueKeys(queue, prefix, *(prefix + field for field in QueueKeys._fields[2:]))


def envelope_key(keys: QueueKeys, task_id: str) -> str:
    """The key of a task's envelope."""
    return f"{keys.prefix}t:{task_id}"
