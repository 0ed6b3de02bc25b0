"""What a pending task costs the store."""

from __future__ import annotations

import uvloop

from benchmarks.servers import valkey
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore

TASKS = 100_000
PAYLOAD = b'{"message":"' + b"x" * 86 + b'"}'


async def measure() -> None:
    """Fill a store and print the bytes per task."""
    with valkey() as server:
        store = TestStore(server.url)
        await store.enqueue(make_task())
        before = await _used(store)
        for _ in range(TASKS // 1000):
            await store.enqueue(*(make_task(payload=PAYLOAD) for _ in range(1000)))
        after = await _used(store)
        await store.close()
    print(f"| {TASKS:,} pending tasks, payload of {len(PAYLOAD)} bytes | bytes each |")
    print("|---|---|")
    print(f"| used memory of the server | {(after - before) / TASKS:.0f} |")


async def _used(store: TestStore) -> int:
    return int((await store.server.client.info("memory"))["used_memory"])


if __name__ == "__main__":
    uvloop.run(measure())
