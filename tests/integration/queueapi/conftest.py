from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from queuecore.embedded import EmbeddedValkey
from queuecore.testing.store import TestStore
from tests.support.demo_task import DEMO_SCHEMA
from tests.support.service_process import ServiceProcess, running


@pytest.fixture(scope="session")
def api(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    log = tmp_path_factory.mktemp("api") / "api.log"
    with running("queueapi", valkey.url, log, TASKYARD_API_MAX_PAYLOAD="4KiB", TASKYARD_API_MAX_BODY="1MiB") as started:
        yield started


@pytest.fixture
async def types(store: TestStore) -> None:
    await store.directory.register_types({"demo": DEMO_SCHEMA, "free": b"null"})


@pytest.fixture
async def client(api: ServiceProcess, types: None) -> AsyncIterator[httpx.AsyncClient]:  # noqa: ARG001 - registered first
    async with httpx.AsyncClient(base_url=api.url) as opened:
        yield opened
