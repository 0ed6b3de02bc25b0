"""The relay's statements: claim due rows, record their fates, delete old ones. Each is one short transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Connection, Engine, bindparam, delete, select, update
from sqlalchemy.orm import Session

from taskyard.outbox.clock import NowMs
from taskyard.outbox.decision import Verdict
from taskyard.outbox.table import DUPLICATE, REFUSED, RELAYED, WAITING, table

PRUNED = 1_000
"""Most rows that one statement deletes."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed row; fields as the columns."""

    position: int
    key: str
    task_id: str
    type: str
    queue: str
    body: str
    trace: str
    attempts: int
    age_ms: int
    """Time since the insertion, by the clock of the database."""


def claim(engine: Engine, limit: int, claim_ms: int) -> list[Row]:
    """Take due rows, in the order of their insertion; no other relay gets them for ``claim_ms``."""
    due = (
        select(table.c.position)
        .where(table.c.state == WAITING, table.c.due_at <= NowMs())
        .order_by(table.c.due_at, table.c.position)
        .limit(limit)
        # Rows that another relay is claiming are left to it. SQLite has one writer at a time anyway.
        .with_for_update(skip_locked=True)
        # Not a subquery, which PostgreSQL might execute again and thereby exceed the limit.
        .cte("due")
    )
    columns = [table.c[name] for name in Row.__struct_fields__ if name != "age_ms"]
    statement = (
        update(table)
        .where(table.c.position.in_(select(due.c.position)))
        .values(due_at=NowMs() + claim_ms)
        .returning(*columns, (NowMs() - table.c.created_at).label("age_ms"))
    )
    with engine.begin() as connection:
        rows = [Row(**each) for each in connection.execute(statement).mappings()]
    return sorted(rows, key=lambda row: row.position)


def record(engine: Engine, verdicts: Sequence[tuple[Row, Verdict]]) -> None:
    """Record the fates of rows. A row that another relay has ended meanwhile stays as it is."""
    ended = [
        {"row": row.position, "to": verdict.state, "said": verdict.error}
        for row, verdict in verdicts
        if verdict.state != WAITING
    ]
    postponed = [
        {"row": row.position, "pause_ms": verdict.pause_ms, "said": verdict.error}
        for row, verdict in verdicts
        if verdict.state == WAITING
    ]
    is_row = (table.c.position == bindparam("row"), table.c.state == WAITING)
    with engine.begin() as connection:
        if ended:
            connection.execute(
                update(table).where(*is_row).values(state=bindparam("to"), ended_at=NowMs(), error=bindparam("said")),
                ended,
            )
        if postponed:
            connection.execute(
                update(table)
                .where(*is_row)
                .values(
                    due_at=NowMs() + bindparam("pause_ms"),
                    attempts=table.c.attempts + 1,
                    error=bindparam("said"),
                ),
                postponed,
            )


def release(engine: Engine, rows: Collection[Row]) -> None:
    """Give claimed rows back: they are due at once, for this relay or another."""
    positions = [row.position for row in rows]
    with engine.begin() as connection:
        connection.execute(
            update(table).where(table.c.position.in_(positions), table.c.state == WAITING).values(due_at=NowMs())
        )


def prune(engine: Engine, retention_ms: int) -> int:
    """Delete rows whose tasks were enqueued longer ago than the retention, a bounded number; returns that number."""
    old = (
        select(table.c.position)
        .where(table.c.state.in_([RELAYED, DUPLICATE]), table.c.ended_at <= NowMs() - retention_ms)
        .limit(PRUNED)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    with engine.begin() as connection:
        return connection.execute(delete(table).where(table.c.position.in_(select(old.c.position)))).rowcount


def retry_refused(connection: Connection | Session, task_ids: Collection[str] | None = None) -> int:
    """Make refused rows waiting again, as after the cause was removed; takes effect when the transaction commits.

    Args:
        connection: a connection or a session.
        task_ids: ids of tasks; ``None``: all refused rows.

    Returns:
        The number of rows.
    """
    statement = update(table).where(table.c.state == REFUSED)
    if task_ids is not None:
        statement = statement.where(table.c.task_id.in_(list(task_ids)))
    # As if inserted now, because the age of a row limits some retries.
    statement = statement.values(state=WAITING, ended_at=None, attempts=0, due_at=NowMs(), created_at=NowMs())
    positions = connection.execute(statement.returning(table.c.position)).all()
    return len(positions)
