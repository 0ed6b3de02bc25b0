from __future__ import annotations

from pathlib import Path

import pytest

from queuecore.domain.state import TaskState
from queuecore.embedded import EmbeddedValkey
from queuecore.errors import ConfigError, StoreFull, StoreNotReady, StoreUnavailable
from queuecore.settings.shared import RedisSettings
from queuecore.store.attempts.settlement import Success
from queuecore.store.client.connect import connect
from queuecore.store.queues.readiness import check_readiness
from queuecore.store.scripts.replies import Reply
from queuecore.store.tasks.enqueue import Enqueue
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore


async def test_scripts_are_sent_again_when_the_server_has_lost_them(store: TestStore) -> None:
    tasks = [make_task(queue=queue) for queue in ("one", "two")]
    await store.enqueue(*tasks)
    await store.server.command("SCRIPT", "FLUSH")
    worker = store.worker()
    answers = await worker.leases.lease([("one", 1), ("two", 1)])
    leases = [lease for answer in answers for lease in answer.leases]  # type: ignore[union-attr]
    await store.server.command("SCRIPT", "FLUSH")
    assert await worker.settlements.complete([Success(lease, 1) for lease in leases]) == [Reply.DONE, Reply.DONE]


async def test_readiness_check_passes_when_the_server_is_fit(store: TestStore) -> None:
    assert (await check_readiness(store.server)).policy_known


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_readiness_is_refused_when_the_server_evicts(store: TestStore, policy: str) -> None:
    await store.server.command("CONFIG", "SET", "maxmemory-policy", policy)
    try:
        with pytest.raises(StoreNotReady, match=policy):
            await check_readiness(store.server)
    finally:
        await store.server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")


async def test_readiness_has_unknown_policy_when_info_is_forbidden(store: TestStore) -> None:
    await store.server.command(
        "ACL", "SETUSER", "app", "on", ">secret", "~taskyard:*", "resetchannels", "&taskyard:*", "+@all", "-info"
    )
    url = store.server_url.replace("redis://", "redis://app:secret@")
    limited = TestStore(url)
    try:
        assert not (await check_readiness(limited.server)).policy_known
        await limited.enqueue(make_task())
    finally:
        await limited.close()
        await store.server.command("ACL", "DELUSER", "app")


async def test_readiness_is_refused_when_scripts_are_forbidden(store: TestStore) -> None:
    await store.server.command("ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all", "-@scripting")
    limited = TestStore(store.server_url.replace("redis://", "redis://app:secret@"))
    try:
        with pytest.raises(StoreNotReady, match="scripts"):
            await check_readiness(limited.server)
    finally:
        await limited.close()
        await store.server.command("ACL", "DELUSER", "app")


async def test_calls_raise_store_unavailable_when_the_server_is_down(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as server:
        store = TestStore(server.url)
        task = make_task()
        await store.enqueue(task)
        server.stop()
        answers = await store.enqueuer.enqueue([Enqueue(task)])
        assert isinstance(answers[0], StoreUnavailable)
        with pytest.raises(StoreUnavailable):
            await store.reader.find(task.id, ["default"])
        with pytest.raises(StoreUnavailable):
            await check_readiness(store.server)
        with pytest.raises(StoreUnavailable):
            await store.notifications.wait_for_work(["default"], 1)
        await store.close()


async def test_calls_are_reported_when_they_are_watched(tmp_path: Path) -> None:
    noted: list[bool] = []
    with EmbeddedValkey(tmp_path) as server:
        store = TestStore(server.url)
        store.server.watch(lambda seconds, answered: noted.append(answered and seconds > 0))
        await store.enqueue(make_task())
        await store.queues.stats(["default", "other"])
        assert noted
        assert all(noted)
        server.stop()
        noted.clear()
        with pytest.raises(StoreUnavailable):
            await store.queues.names()
        assert noted == [False]
        await store.close()


async def test_wrong_password_is_reported_as_such(store: TestStore) -> None:
    unauthorized = TestStore(store.server_url.replace("redis://", "redis://nobody:wrong@"))
    with pytest.raises(StoreUnavailable, match="AuthenticationError"):
        await check_readiness(unauthorized.server)
    await unauthorized.close()


async def test_enqueue_writes_nothing_when_memory_is_full(store: TestStore) -> None:
    await store.enqueue(make_task())
    await store.server.command("CONFIG", "SET", "maxmemory", "1")
    try:
        task = make_task()
        (answer,) = await store.enqueuer.enqueue([Enqueue(task)])
        assert isinstance(answer, StoreFull)
        assert await store.state(task) is None
    finally:
        await store.server.command("CONFIG", "SET", "maxmemory", "0")


async def test_running_tasks_go_on_when_memory_is_full(store: TestStore) -> None:
    kept, cancelled, waiting = make_task(), make_task(), make_task(queue="other")
    await store.enqueue(kept, cancelled, waiting)
    worker = store.worker()
    first, second = await worker.lease()
    await store.server.command("CONFIG", "SET", "maxmemory", "1")
    try:
        assert await worker.leases.renew([first, second]) == [Reply.DONE, Reply.DONE]
        assert await worker.leases.report_progress([(first, b"1")]) == [Reply.DONE]
        assert await worker.settlements.complete([Success(first, 1)]) == [Reply.DONE]
        assert await store.control.cancel("default", cancelled.id) is TaskState.ACTIVE
        assert await worker.leases.release([second]) == [Reply.CANCELLED]
        await store.control.delete("other", waiting.id)
    finally:
        await store.server.command("CONFIG", "SET", "maxmemory", "0")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://host", "scheme"),
        ("redis://", "host"),
        ("redis://host:port", "port"),
        ("redis://host:6379/one", "database"),
        ("redis+sentinel://host:26379", "service"),
    ],
)
def test_connect_names_the_variable_when_its_url_is_wrong(url: str, why: str) -> None:
    with pytest.raises(ConfigError, match=f"(?i)TASKYARD_REDIS_URL.*{why}"):
        connect(RedisSettings(url=url))
