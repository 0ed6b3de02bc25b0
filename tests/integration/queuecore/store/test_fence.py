from __future__ import annotations

import msgspec
import pytest

from queuecore.domain.task import FencingToken
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.settlement import Success
from queuecore.store.scripts.replies import Reply
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore

AHEAD_US = 3_600_000_000


async def leased_by_a_clock_ahead(store: TestStore) -> Lease:
    """A lease of an hour ahead, before the clock was set back."""
    task = make_task()
    await store.enqueue(task)
    lease = await store.worker().lease_one(task)
    token = FencingToken(lease.token + AHEAD_US)
    await store.server.command("HSET", f"taskyard:{{default}}:r:{task.id}", "token", token)
    return msgspec.structs.replace(lease, token=token)


@pytest.mark.parametrize("way", ["release", "run_now"])
async def test_next_token_is_higher_when_the_clock_was_set_back(store: TestStore, way: str) -> None:
    lease = await leased_by_a_clock_ahead(store)
    if way == "release":
        assert await store.worker().leases.release([lease]) == [Reply.DONE]
    else:
        assert await store.worker().settlements.complete([Success(lease, 1)]) == [Reply.DONE]
        await store.control.run_now("default", lease.task.id)
    assert await store.worker().settlements.complete([Success(lease, 1)]) == [Reply.STALE]
    assert (await store.worker().lease_one(lease.task)).token > lease.token
