from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine

from taskyard import outbox
from tests.support.postgresql_server import find_binaries, run_postgresql


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql), so the outbox is NOT tested on it")
    with run_postgresql(binaries) as address:
        yield address


@pytest.fixture(params=["postgresql", "sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shop.db'}"
    return f"postgresql+psycopg:{request.getfixturevalue('postgresql')}"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database with an empty outbox."""
    made = create_engine(database_url)
    outbox.metadata.drop_all(made)
    outbox.create_table(made)
    yield made
    made.dispose()


@pytest.fixture
def queue() -> str:
    """A queue of the test's own."""
    return f"outbox-{uuid4().hex}"
