"""The table of the outbox.

One row per task. A row is ``waiting`` until a relay has enqueued its task; then it is ``relayed``, or ``duplicate`` if
the task's ``unique`` lock is held by another task. A row whose task the API refuses for good is ``refused``.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Engine, Index, Integer, MetaData, String, Table, Text

WAITING = "waiting"
RELAYED = "relayed"
DUPLICATE = "duplicate"
REFUSED = "refused"

metadata = MetaData()
"""Holds the table of the outbox only, for migration tools such as Alembic."""

table = Table(
    "taskyard_outbox",
    metadata,
    # Order of insertion; SQLite counts up in columns of type INTEGER only.
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    # The idempotency key, and the id of the task unless the caller names one: unique across databases, never changed.
    Column("key", String(36), nullable=False),
    Column("task_id", String(128), nullable=False),
    Column("type", String(128), nullable=False),
    Column("queue", String(128), nullable=False),
    # The request to the API as JSON, with all options resolved at the time of the insertion.
    Column("body", Text, nullable=False),
    # The headers of the caller's trace context as JSON.
    Column("trace", Text, nullable=False),
    Column("state", String(16), nullable=False),
    # Attempts that were refused and may succeed later; incremented by relays.
    Column("attempts", Integer, nullable=False),
    # Unix ms. A relay that claims a row moves this into the future, so that no other relay takes it meanwhile.
    Column("due_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # Unix ms, when the row left ``waiting``.
    Column("ended_at", BigInteger),
    # The last refusal.
    Column("error", Text),
)
"""The table ``taskyard_outbox``. ``table.to_metadata(mine)`` copies it into the metadata of an application."""

Index(
    "taskyard_outbox_due",
    table.c.due_at,
    table.c.position,
    postgresql_where=table.c.state == WAITING,
    sqlite_where=table.c.state == WAITING,
)
Index("taskyard_outbox_ended", table.c.state, table.c.ended_at)


def create_table(bind: Engine | Connection) -> None:
    """Create the table and its indexes unless they exist; for applications without migrations."""
    metadata.create_all(bind)
