from __future__ import annotations

from typing import Any

from queuecontroller.cluster.client import Access, Cluster, Object
from queuecontroller.status.conditions import Condition
from queuecontroller.status.events import Event
from queuecontroller.status.writer import REFRESH_S, StatusWriter
from tests.unit.queuecontroller.plan.pools import START_S

READY = Condition("Ready", "True", "Kept", "the pool is reconciled")
NOT_READY = Condition("Ready", "False", "Forbidden", "no")
AVAILABLE = Condition("MetricsAvailable", "True", "Read", "queue metrics are available")
POOL: Object = {"metadata": {"name": "pool", "generation": 3}}


class FakeCluster(Cluster):
    def __init__(self) -> None:
        super().__init__(lambda: Access("http://kubernetes", {}, tls=False))
        self.statuses: list[Object] = []

    async def set_pool_status(self, namespace: str, name: str, status: Object) -> None:
        assert (namespace, name) == ("default", "pool")
        self.statuses.append(status)


class Bench:
    def __init__(self) -> None:
        self.now_s = START_S
        self.cluster = FakeCluster()
        self._writer = StatusWriter(self.cluster, "default", "pool", lambda: self.now_s)

    async def write(self, *conditions: Condition, force: bool = False, **fields: Any) -> list[Event]:
        return await self._writer.write(POOL, fields, conditions, None, force=force)


async def test_status_is_written_once_when_only_volatile_fields_change() -> None:
    bench = Bench()

    for message in ("one", "two"):
        await bench.write(READY, replicas=3, lastDecision={"reason": "Idle", "message": message})
        bench.now_s += REFRESH_S / 2

    assert len(bench.cluster.statuses) == 1


async def test_status_is_written_again_when_a_field_changes() -> None:
    bench = Bench()

    await bench.write(READY, replicas=3)
    await bench.write(READY, replicas=4)

    assert [each["replicas"] for each in bench.cluster.statuses] == [3, 4]


async def test_status_is_written_again_when_it_is_stale_or_forced() -> None:
    bench = Bench()
    await bench.write(READY)

    await bench.write(READY, force=True)
    bench.now_s += REFRESH_S
    await bench.write(READY)

    assert len(bench.cluster.statuses) == 3


async def test_other_conditions_stay_when_one_is_written() -> None:
    bench = Bench()
    await bench.write(READY, AVAILABLE)

    events = await bench.write(NOT_READY)

    conditions = bench.cluster.statuses[-1]["conditions"]
    assert [(each["type"], each["status"]) for each in conditions] == [("MetricsAvailable", "True"), ("Ready", "False")]
    assert events == [Event("Warning", "Forbidden", "no")]
    assert bench.cluster.statuses[-1]["observedGeneration"] == 3
