"""Enqueue over HTTP, beside an empty Litestar route on the same server with the same settings."""

from __future__ import annotations

import json
import statistics

import uvloop

from benchmarks.load import post_for
from benchmarks.servers import http_server, valkey
from queuecore.testing.store import TestStore

CONNECTIONS = 64
SECONDS = 3.0
ROUNDS = 3
BATCH = 100
TASK = {"type": "noop", "payload": {"message": "x" * 80}}


async def measure() -> None:
    """Run all rounds, interleaved, and print the table."""
    single = json.dumps(TASK).encode()
    batch = json.dumps({"tasks": [TASK] * BATCH}).encode()
    rates: dict[str, list[float]] = {"empty route": [], "single tasks": [], f"batches of {BATCH}": []}
    with valkey() as server, http_server("benchmarks.empty_route") as empty_port:
        store = TestStore(server.url)
        await store.registry.register_types({"noop": b"null"})
        with http_server("queueapi", server.url) as port:
            for _ in range(ROUNDS):
                rates["empty route"].append(await _rate(empty_port, single, "/api/v1/tasks"))
                rates["single tasks"].append(await _checked(store, port, single, "/api/v1/tasks", 1))
                rates[f"batches of {BATCH}"].append(await _checked(store, port, batch, "/api/v1/tasks/batch", BATCH))
        await store.close()
    _print(rates)


async def _rate(port: int, body: bytes, path: str) -> float:
    answered, took_s = await post_for(port, path, body, connections=CONNECTIONS, seconds=SECONDS)
    return answered / took_s


async def _checked(store: TestStore, port: int, body: bytes, path: str, per_request: int) -> float:
    """Tasks per second, once all of them were found in the store."""
    await store.server.command("FLUSHDB")
    await store.registry.register_types({"noop": b"null"})
    await store.registry.register_queues(["default"])
    answered, took_s = await post_for(port, path, body, connections=CONNECTIONS, seconds=SECONDS)
    pending = int(await store.server.command("ZCARD", "taskyard:{default}:pending"))
    if pending != answered * per_request:
        raise AssertionError(f"{answered * per_request} tasks were answered for, {pending} are in the store")
    return pending / took_s


def _print(rates: dict[str, list[float]]) -> None:
    empty = statistics.median(rates["empty route"])
    print(f"| HTTP, one api process, {CONNECTIONS} connections | per second (median of {ROUNDS}) | to an empty route |")
    print("|---|---|---|")
    for name, values in rates.items():
        median = statistics.median(values)
        print(f"| {name} | {median:,.0f} | {median / empty:.2f} |")


if __name__ == "__main__":
    uvloop.run(measure())
