from __future__ import annotations

import time

import pytest

from queuecore.store.queues.directory import WorkerStatus
from queuecore.store.tasks.idempotency import key_digest
from queuecore.testing.store import TestStore

TTL_MS = 60_000


def status(worker: str) -> WorkerStatus:
    return WorkerStatus(worker, "pod", ["default"], ["demo"], slots=10, busy=3, started_at_ms=1)


async def test_types_outlive_their_workers(store: TestStore) -> None:
    await store.directory.register_types({"demo": b'{"type":"object"}', "plain": b"null"})
    await store.directory.beat(status("one"), TTL_MS)
    await store.directory.forget_worker("one")
    assert await store.directory.types() == {"demo": b'{"type":"object"}', "plain": b"null"}


async def test_workers_are_listed_while_their_registration_holds(store: TestStore) -> None:
    await store.directory.beat(status("one"), TTL_MS)
    await store.directory.beat(status("two"), TTL_MS)
    assert {worker.worker for worker in await store.directory.workers()} == {"one", "two"}
    await store.server.command("DEL", "taskyard:worker:one")
    assert [worker.worker for worker in await store.directory.workers()] == ["two"]
    await store.directory.forget_worker("two")
    assert await store.directory.workers() == []


async def test_expired_worker_is_removed_with_the_next_heartbeat_of_another(store: TestStore) -> None:
    await store.server.command("ZADD", "taskyard:workers", 1, "old")
    await store.directory.beat(status("new"), TTL_MS)
    assert await store.server.command("ZRANGE", "taskyard:workers", 0, -1) == [b"new"]


async def test_idempotency_key_belongs_to_the_first_request(store: TestStore) -> None:
    one, two = key_digest("one"), key_digest("two")
    assert await store.idempotency.claim({one: "first"}) == set()
    assert await store.idempotency.claim({one: "first", two: "other"}) == set()
    assert await store.idempotency.claim({one: "second", two: "other"}) == {one}


async def test_worker_is_listed_when_its_clock_is_behind(store: TestStore, monkeypatch: pytest.MonkeyPatch) -> None:
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() - 2 * TTL_MS / 1000)
    await store.directory.beat(status("behind"), TTL_MS)
    monkeypatch.setattr(time, "time", true_time)
    await store.directory.beat(status("right"), TTL_MS)
    assert {worker.worker for worker in await store.directory.workers()} == {"behind", "right"}


async def test_heartbeat_registers_queues_and_reports_types_when_the_store_has_lost_them(store: TestStore) -> None:
    await store.directory.register_types({"kept": b"null"})
    lost = await store.directory.beat(
        WorkerStatus("one", "pod", ["a", "b"], ["demo", "kept"], slots=1, busy=0, started_at_ms=1), TTL_MS
    )
    assert lost == ["demo"]
    assert await store.queues.names() == ["a", "b"]
