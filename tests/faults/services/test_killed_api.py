from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from queuecore.embedded import EmbeddedValkey, find_free_port
from queuecore.store.scripts.keys import envelope_key, queue_keys
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from queuecore.wire.envelope import decode
from taskyard import AsyncClient, Request
from tests.support.service_process import ServiceProcess, start

SINGLES = int(os.environ.get("TASKYARD_TEST_POSTS", "400"))
"""Tasks that are posted one by one."""
IN_BATCHES = 9_600
CALLERS = 32
QUEUE = "default"
SEED = 7
_IDS_PER_COMMAND = 500


class KilledApi:
    """An API that is killed (SIGKILL) and started again, after a random number of accepted tasks.

    Args:
        store_url: the store.
        folder: for the logs.
    """

    def __init__(self, store_url: str, folder: Path) -> None:
        self._store_url = store_url
        self._folder = folder
        self._port = str(find_free_port())
        self._random = random.Random(SEED)
        self._service: ServiceProcess | None = None
        self.url = f"http://127.0.0.1:{self._port}"
        self.accepted = 0
        self.kills = 0

    async def run(self) -> None:
        while True:
            log = self._folder / f"api-{self.kills}.log"
            variables = {"TASKYARD_API_PORT": self._port, "TASKYARD_API_UNKNOWN_TYPES": "accept"}
            self._service = start("queueapi", self._store_url, log, **variables)
            await self._service.until_started()
            kill_at = self.accepted + self._random.randint(1_000, 6_000)
            await eventually(lambda kill_at=kill_at: self.accepted >= kill_at, within_s=120)  # type: ignore[misc]
            self._service.kill()
            self.kills += 1

    def stop(self) -> None:
        if self._service is not None:
            self._service.kill()


def request(number: int) -> Request[None]:
    return Request("numbered", msgspec.json.encode({"number": number}), {}, lambda _: None)


async def post(client: AsyncClient, api: KilledApi) -> list[str]:
    """Post all tasks, one by one and in batches at the same time; returns the ids that the client was given."""
    numbers = iter(range(SINGLES))
    ids: list[str] = []

    async def post_singles() -> None:
        for number in numbers:
            ids.append((await client.enqueue(request(number))).id)
            api.accepted += 1

    async def post_batches() -> None:
        async for handle in client.enqueue_many(map(request, range(SINGLES, SINGLES + IN_BATCHES))):
            ids.append(handle.id)
            api.accepted += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(post_batches())
        for _ in range(CALLERS):
            group.create_task(post_singles())
    return ids


async def read_numbers(store: TestStore) -> dict[str, int]:
    """The number in the payload of each task in the store, by id."""
    keys = queue_keys(QUEUE)
    (found,) = await store.server.commands([("ZRANGE", keys.pending, 0, -1)])
    ids = [each.decode() for each in found]
    numbers: dict[str, int] = {}
    for first in range(0, len(ids), _IDS_PER_COMMAND):
        part = ids[first : first + _IDS_PER_COMMAND]
        (envelopes,) = await store.server.commands([("MGET", *(envelope_key(keys, each) for each in part))])
        for task_id, envelope in zip(part, envelopes, strict=True):
            numbers[task_id] = msgspec.json.decode(decode(task_id, QUEUE, envelope).payload)["number"]
    return numbers


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[tuple[KilledApi, TestStore]]:
    with EmbeddedValkey(tmp_path / "valkey") as valkey:
        api = KilledApi(valkey.url, tmp_path)
        running = asyncio.create_task(api.run())
        store = TestStore(valkey.url, patient=True)
        yield api, store
        running.cancel()
        await asyncio.wait([running])
        api.stop()
        await store.server.close()


@pytest.mark.timeout(300)
async def test_each_task_exists_once_when_the_api_is_killed_while_a_client_posts(
    api: tuple[KilledApi, TestStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, store = api
    monkeypatch.setattr("taskyard.client.core.batches.CHUNK_TASKS", 100)
    async with AsyncClient(killed.url, timeout="120s") as client:
        ids = await post(client, killed)
    numbers = await read_numbers(store)
    assert sorted(numbers.values()) == list(range(SINGLES + IN_BATCHES))
    assert sorted(ids) == sorted(numbers)
    assert killed.kills >= 2
