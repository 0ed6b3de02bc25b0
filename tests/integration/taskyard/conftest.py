from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from taskyard import AsyncClient, Client, Taskyard
from taskyard.testing import TestServer
from tests.integration.taskyard.tasks import State, app


@pytest.fixture(scope="session")
def taskyard_apps() -> Sequence[Taskyard[State]]:
    return [app]


@pytest.fixture(scope="session")
def server(taskyard_server: TestServer) -> TestServer:
    return taskyard_server


@pytest.fixture
def client(server: TestServer) -> Iterator[Client]:
    with server.client() as made:
        yield made


@pytest.fixture
async def async_client(server: TestServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.url) as made:
        yield made
