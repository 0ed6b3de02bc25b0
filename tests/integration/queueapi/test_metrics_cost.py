from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from queuecore.embedded import EmbeddedValkey
from queuecore.store.queues.directory import WorkerStatus
from queuecore.store.queues.overview import QUEUES_PER_CALL
from queuecore.testing.builders import make_task
from queuecore.testing.proxy import FaultyProxy
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.support.service_process import ServiceProcess, running

QUEUES = [f"queue-{place}" for place in range(20)]


class CountingProxy(FaultyProxy):
    """Counts what is sent at once: a pipeline is one, and fits into one read here."""

    trips = 0

    def take_cut(self, sent: bytes) -> bool:
        self.trips += 1
        return super().take_cut(sent)


@pytest.fixture
async def proxy(valkey: EmbeddedValkey) -> AsyncIterator[CountingProxy]:
    async with CountingProxy(valkey.port) as opened:
        yield opened


@pytest.fixture
async def quiet_api(store: TestStore, proxy: CountingProxy, tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    """An api that talks to the store through the proxy, and only when it is asked for something."""
    assert await store.server.command("PING")
    with running("queueapi", proxy.url, tmp_path / "api.log", TASKYARD_API_TYPES_REFRESH="1h") as api:
        await eventually(lambda: proxy.trips > 0)
        yield api


@pytest.fixture
async def client(quiet_api: ServiceProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=quiet_api.url) as opened:
        yield opened


async def trips_of_scrape(client: httpx.AsyncClient, proxy: CountingProxy) -> int:
    before = proxy.trips
    assert "taskyard_store_ready 1.0" in (await client.get("/metrics")).text
    return proxy.trips - before


async def test_scrape_costs_one_round_trip_and_another_for_what_is_new(
    client: httpx.AsyncClient, proxy: CountingProxy, store: TestStore
) -> None:
    await store.enqueue(*(make_task(queue=queue) for queue in QUEUES))
    await store.directory.beat(WorkerStatus("one", "pod", QUEUES, ["demo"], 10, 3, 1), 60_000)
    await client.get("/metrics")  # opens the connection, and sends the script

    assert await trips_of_scrape(client, proxy) == 1
    await store.enqueue(make_task(queue="new"))
    assert await trips_of_scrape(client, proxy) == 2
    assert await trips_of_scrape(client, proxy) == 1
    await store.directory.beat(WorkerStatus("two", "pod", QUEUES, ["demo"], 10, 3, 1), 60_000)
    assert await trips_of_scrape(client, proxy) == 2
    assert await trips_of_scrape(client, proxy) == 1


async def test_scrape_costs_a_round_trip_per_fifty_queues(
    client: httpx.AsyncClient, proxy: CountingProxy, store: TestStore
) -> None:
    queues = [f"queue-{place}" for place in range(2 * QUEUES_PER_CALL + 1)]
    await store.directory.register_queues(queues)
    text = (await client.get("/metrics")).text

    assert await trips_of_scrape(client, proxy) == 3
    assert text.count("taskyard_queue_paused{") == len(queues)


async def test_scrape_costs_the_same_when_the_queue_is_a_thousand_times_longer(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    await store.enqueue(*(make_task() for _ in range(10)))
    await client.get("/metrics")
    short = await calls_of_scrape(client, store)
    for _ in range(10):
        await store.enqueue(*(make_task() for _ in range(1_000)))

    assert await calls_of_scrape(client, store) == short
    assert short["evalsha"] == short["info"] == short["smembers"] == 1


async def calls_of_scrape(client: httpx.AsyncClient, store: TestStore) -> dict[str, int]:
    """Which commands the server ran for a scrape, those of scripts included."""
    await store.server.command("CONFIG", "RESETSTAT")
    await client.get("/metrics")
    stats: dict[str, Any] = await store.server.command("INFO", "commandstats")
    return {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items() if "config" not in name}
