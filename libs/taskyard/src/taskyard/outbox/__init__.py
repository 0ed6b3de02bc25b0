"""Transactional outbox: a task is enqueued if and only if the caller's transaction commits.

The caller adds the task to a table of its own database, within its transaction::

    with engine.begin() as connection:
        connection.execute(insert(orders).values(...))
        outbox.add(connection, confirm.request(Confirmation(...)))

A :class:`Relay`, in a process of its own or in a thread, enqueues the tasks of committed transactions. Needs
``pip install 'taskyard[outbox]'``.
"""

from taskyard.outbox.insertion import add, add_async
from taskyard.outbox.options import RelayOptions
from taskyard.outbox.relay import Relay
from taskyard.outbox.rows import retry_refused
from taskyard.outbox.table import create_table, metadata, table

__all__ = [
    "add",
    "add_async",
    "Relay",
    "RelayOptions",
    "create_table",
    "metadata",
    "retry_refused",
    "table",
]
