from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from queuecore.embedded import EmbeddedValkey
from queuecore.testing.keyspace import find_contradictions, read_keyspace
from queuecore.testing.store import TestStore


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    directory: Path = tmp_path_factory.mktemp("valkey")
    with EmbeddedValkey(directory) as server:
        yield server


@pytest.fixture
async def store(valkey: EmbeddedValkey) -> AsyncIterator[TestStore]:
    """An empty store, whose keyspace must be consistent at the end of the test."""
    opened = TestStore(valkey.url)
    await opened.server.command("FLUSHALL")
    yield opened
    contradictions = find_contradictions(await read_keyspace(opened.server))
    await opened.close()
    assert contradictions == []
