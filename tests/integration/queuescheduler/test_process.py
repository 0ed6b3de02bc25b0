from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Outcome
from queuecore.embedded import EmbeddedValkey
from queuecore.observe.metrics.definitions import OF_EVERY_PROCESS, OF_SCHEDULER, OF_STORE_CALLS
from queuecore.store.attempts.settlement import Success
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.integration.queuescheduler.conftest import StartScheduler
from tests.support.service_process import ServiceProcess, start


async def until_all(store: TestStore, state: TaskState, number: int) -> None:
    async def are_there() -> bool:
        (stats,) = await store.queues.stats(["default"])
        return stats.counts[state] == number

    await eventually(are_there)


async def is_ready(scheduler: ServiceProcess) -> bool:
    return await scheduler.status("/ready") == 200


async def test_due_tasks_become_pending_once_each_with_two_schedulers_and_no_worker(
    store: TestStore, start_scheduler: StartScheduler
) -> None:
    schedulers = [start_scheduler(), start_scheduler()]
    tasks = [make_task(process_at_ms=now_ms() + 100 + number) for number in range(200)]
    await store.enqueue(*tasks)
    await until_all(store, TaskState.PENDING, len(tasks))
    promoted = [await each.metric("taskyard_scheduler_promoted_total") for each in schedulers]
    assert 0 < sum(promoted) <= len(tasks)


async def test_lost_tasks_are_archived_as_poison_when_they_lost_as_many_workers_as_configured(
    store: TestStore, start_scheduler: StartScheduler
) -> None:
    scheduler = start_scheduler(TASKYARD_SCHEDULER_POISON_LOSSES="1")
    task = make_task()
    await store.enqueue(task)
    await store.worker(lease_ms=200).lease_one(task)
    await until_all(store, TaskState.ARCHIVED, 1)
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert found.reason is ArchiveReason.POISON
    assert [attempt.outcome for attempt in found.attempts] == [Outcome.LOST]
    (line,) = scheduler.logged("task_reclaimed")
    assert (line["task_id"], line["queue"], line["reason"]) == (task.id, "default", "poison")


async def test_ended_tasks_are_deleted_when_their_retention_has_ended(
    store: TestStore, start_scheduler: StartScheduler
) -> None:
    task = make_task(retention_ms=50)
    await store.enqueue(task)
    worker = store.worker()
    await worker.settlements.complete([Success(await worker.lease_one(task), 1)])
    start_scheduler()
    await until_all(store, TaskState.COMPLETED, 0)
    assert await store.state(task) is None


async def test_scheduler_resumes_when_the_store_recovers(
    store: TestStore, valkey: EmbeddedValkey, start_scheduler: StartScheduler
) -> None:
    scheduler = start_scheduler()
    await eventually(lambda: is_ready(scheduler))
    due, lost = make_task(process_at_ms=now_ms() + 200), make_task()
    await store.enqueue(due, lost)
    await store.worker(lease_ms=200).lease_one(lost)
    valkey.kill()

    async def is_not_ready() -> bool:
        return not await is_ready(scheduler)

    await eventually(is_not_ready)
    assert "the store is unavailable" in (await scheduler.get("/ready")).json()["message"]
    assert await scheduler.status("/live") == 200
    valkey.start()
    await until_all(store, TaskState.PENDING, 2)
    await eventually(lambda: is_ready(scheduler))
    assert "Traceback" not in scheduler.log


async def test_scheduler_stops_and_logs_json_lines_when_it_is_terminated(start_scheduler: StartScheduler) -> None:
    scheduler = start_scheduler()
    scheduler.terminate()
    assert await scheduler.wait() == 0
    lines = scheduler.lines()
    assert [line["event"] for line in lines] == ["scheduler_started", "scheduler_stopped"]
    for line in lines:
        assert (line["service"], line["level"]) == ("scheduler", "info")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


async def test_scheduler_shows_its_metrics(start_scheduler: StartScheduler) -> None:
    text = (await start_scheduler().get("/metrics")).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["taskyard_scheduler_lateness_seconds"].type == "histogram"
    assert families["taskyard_scheduler_reclaimed"].type == "counter"
    assert families["taskyard_build_info"].samples[0].labels["service"] == "scheduler"
    exposed = re.findall(r"^# TYPE (taskyard_\w+)", text, re.MULTILINE)
    assert sorted(exposed) == sorted(each.name for each in (*OF_SCHEDULER, *OF_STORE_CALLS, *OF_EVERY_PROCESS))


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("TASKYARD_SCHEDULER_POISON_LOSSES", "none", "TASKYARD_SCHEDULER_POISON_LOSSES"),
        ("TASKYARD_REDIS_URL", "http://somewhere", "TASKYARD_REDIS_URL"),
    ],
)
async def test_scheduler_exits_2_and_names_the_variable_when_it_is_wrong(
    tmp_path: Path, variable: str, value: str, named: str
) -> None:
    environ = {"TASKYARD_REDIS_URL": "redis://127.0.0.1:1/0", variable: value}
    process = start("queuescheduler", environ.pop("TASKYARD_REDIS_URL"), tmp_path / "log", **environ)
    assert await process.wait() == 2
    assert named in process.log
    assert "Traceback" not in process.log
