from __future__ import annotations

from uuid import UUID

from queuecore.store.tasks.task_id import new_task_id


def test_task_ids_are_version_7_and_in_order_of_their_making() -> None:
    ids = [new_task_id() for _ in range(1000)]
    assert all(UUID(task_id).version == 7 for task_id in ids)
    assert ids == sorted(set(ids))
