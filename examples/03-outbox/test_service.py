"""Tests of the example, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient
from service import make_service, orders
from sqlalchemy import Engine, create_engine, select
from tasks import Confirmation, confirm

from taskyard import outbox
from taskyard.testing import run


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty database."""
    made = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    yield made
    made.dispose()


def test_order_and_its_confirmation_are_stored_together_or_not_at_all(engine: Engine) -> None:
    """The second order fails, and takes its task along."""
    order = {"number": "7", "email": "ada@example.org"}
    with TestClient(make_service(engine)) as client:
        placed = client.post("/orders", json=order)
        again = client.post("/orders", json=order)
    assert (placed.status_code, again.status_code) == (201, 409)
    with engine.connect() as connection:
        assert connection.execute(select(orders.c.number)).scalars().all() == ["7"]
        added = connection.execute(select(outbox.table.c.task_id, outbox.table.c.type)).all()
    assert added == [(placed.json()["task_id"], "order:confirm")]


def test_confirmation_is_sent() -> None:
    """A task is tested as in any other service."""
    assert run(confirm, Confirmation("7", "ada@example.org")).result == {"sent_to": "ada@example.org"}
