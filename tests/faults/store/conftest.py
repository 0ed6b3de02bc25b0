from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from queuecore.embedded import EmbeddedValkey
from queuecore.testing.keyspace import find_contradictions, read_keyspace
from queuecore.testing.proxy import FaultyProxy
from queuecore.testing.store import TestStore


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """The test's own server, for fault injection."""
    with EmbeddedValkey(tmp_path) as started:
        yield started
        started.resume()


@pytest.fixture
async def store(server: EmbeddedValkey) -> AsyncIterator[TestStore]:
    """A store on that server, whose keyspace must be consistent at the end of the test."""
    opened = TestStore(server.url)
    yield opened
    contradictions = find_contradictions(await read_keyspace(opened.server))
    await opened.close()
    assert contradictions == []


@pytest.fixture
async def patient_store(server: EmbeddedValkey, store: TestStore) -> AsyncIterator[TestStore]:  # noqa: ARG001 - checks
    """The same store, with retries for calls that must not fail."""
    opened = TestStore(server.url, patient=True)
    yield opened
    await opened.close()


@pytest.fixture
async def proxy(server: EmbeddedValkey) -> AsyncIterator[FaultyProxy]:
    async with FaultyProxy(server.port) as started:
        yield started


@pytest.fixture
async def far_store(proxy: FaultyProxy) -> AsyncIterator[TestStore]:
    """The same store, accessed through the proxy."""
    opened = TestStore(proxy.url)
    yield opened
    await opened.close()
