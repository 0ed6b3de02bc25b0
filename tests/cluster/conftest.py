from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from queuecore.testing.cluster import ValkeyCluster
from queuecore.testing.keyspace import empty, find_contradictions, read_keyspace
from queuecore.testing.store import TestStore


@contextmanager
def running_cluster(directory: Path, config: dict[str, str] | None = None) -> Iterator[ValkeyCluster]:
    cluster = ValkeyCluster(directory, config)
    try:
        asyncio.run(cluster.start())
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[ValkeyCluster]:
    """A Cluster for tests that change its nodes or slots."""
    with running_cluster(tmp_path) as made:
        yield made


@pytest.fixture
async def store(cluster: ValkeyCluster) -> AsyncIterator[TestStore]:
    """An empty store on three nodes, whose invariants are checked after the test."""
    opened = TestStore(cluster.url, patient=True)
    await empty(opened.server)
    yield opened
    contradictions = find_contradictions(await read_keyspace(opened.server))
    await opened.close()
    assert contradictions == []
