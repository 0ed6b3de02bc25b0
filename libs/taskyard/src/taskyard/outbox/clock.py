"""The database's clock: the only clock that decides when a row is due, so relays on several machines agree."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class NowMs(FunctionElement[int]):
    """The current time of the database as an SQL expression, Unix ms."""

    type = BigInteger()
    inherit_cache = True


@compiles(NowMs, "postgresql")
def _postgresql(*_: Any, **__: Any) -> str:
    # Not now(), which stands still during a transaction.
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


@compiles(NowMs, "sqlite")
def _sqlite(*_: Any, **__: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
