"""Comparison of a real keyspace with the one that a :class:`~queuecore.testing.model.StoreModel` predicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from queuecore.domain.state import TaskState
from queuecore.store.scripts.keys import QUEUES, queue_keys
from queuecore.testing.model import PASSED, Bounds, QueueModel, StoreModel
from queuecore.wire import attempt as attempt_wire
from queuecore.wire import envelope

_BAND = 2**49
_ENTRY_UNIT_US = 8


def find_differences(model: StoreModel, keyspace: dict[str, Any]) -> list[str]:
    """The differences of a store from the model, each a sentence. Every key is compared."""
    expected: dict[str, Any] = {}
    actual = dict(keyspace)
    announced = actual.pop(QUEUES, set())
    for name, queue in model.queues.items():
        expected |= _expected_keys(name, queue)
        _make_readable(queue_keys(name).prefix, actual)
    found = [f"{key} is missing: {expected[key]!r}" for key in sorted(expected.keys() - actual.keys())]
    found += [f"{key} should not be: {actual[key]!r}" for key in sorted(actual.keys() - expected.keys())]
    for key in sorted(expected.keys() & actual.keys()):
        found += _compare(key, expected[key], actual[key])
    for name, queue in model.queues.items():
        if queue.tasks and name not in announced:
            found.append(f"queue {name} is not announced")
        found += _compare_order(name, queue, actual)
    return found


def _expected_keys(name: str, queue: QueueModel) -> dict[str, Any]:
    keys = queue_keys(name)
    content: dict[str, Any] = {
        **{getattr(keys, state): {each.task.id: each.at for each in queue.in_state(state)} for state in TaskState},
        **{f"{keys.prefix}r:{task_id}": stored.record for task_id, stored in queue.tasks.items()},
        **{
            f"{keys.prefix}t:{task_id}": envelope.encode(stored.task)
            for task_id, stored in queue.tasks.items()
            if not stored.orphaned
        },
        **{f"{keys.prefix}u:{digest}": holder.encode() for digest, holder in queue.locks.items()},
        **{f"{keys.prefix}i:{digest}": " ".join(answer).encode() for digest, answer in queue.answers.items()},
        keys.totals: dict(queue.totals),
        keys.paused: b"1" if queue.paused else b"",
        keys.wake: [b"1"] if queue.wake else [],
        keys.bytes: str(queue.bytes).encode() if queue.bytes > 0 else b"",
        keys.answer_bytes: queue.answer_bytes,
        keys.limits: {name: limit for name, limit in msgspec.structs.asdict(queue.limits).items() if limit is not None},
    }
    return {key: value for key, value in content.items() if value}


def _make_readable(prefix: str, actual: dict[str, Any]) -> None:
    """Convert scores of pending tasks to entry times, bytes of records and totals to numbers; sum up answers."""
    for key in [key for key in actual if key.startswith(prefix)]:
        suffix = key.removeprefix(prefix)
        if suffix == "pending":
            actual[key] = {task_id: _entered_at_ms(score) for task_id, score in actual[key].items()}
        elif suffix == "answer_bytes":
            live = sum(int(size) for ends_at, size in actual.pop(key).items() if int(ends_at) > PASSED.high)
            actual |= {key: live} if live else {}
        elif suffix in ("totals", "limits") or suffix.startswith("r:"):
            actual[key] = {name: _read_field(name, value) for name, value in actual[key].items()}


def _entered_at_ms(score: float) -> int:
    return int(score % _BAND) * _ENTRY_UNIT_US // 1000


def _read_field(name: str, value: bytes) -> Any:
    if name.startswith("a:"):
        return attempt_wire.decode(int(name[2:]), value)
    if name in ("reason", "last_error"):
        return value.decode()
    if name in ("progress", "result"):
        return value
    return int(value)


def _compare(path: str, expected: Any, actual: Any) -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in sorted(expected.keys() | actual.keys()):
            yield from _compare(f"{path} {name}", expected.get(name), actual.get(name))
    elif isinstance(expected, Bounds) and isinstance(actual, int | float):
        if not expected.low <= actual <= expected.high:
            yield f"{path} is {actual}, not from {expected.low} to {expected.high}"
    elif expected != actual:
        yield f"{path} is {actual!r}, not {expected!r}"


def _compare_order(name: str, queue: QueueModel, actual: dict[str, Any]) -> Iterator[str]:
    """Compare the order of pending tasks; ``read_keyspace`` keeps the order of their scores."""
    right = [stored.task.id for stored in queue.in_state(TaskState.PENDING)]
    found = list(actual.get(queue_keys(name).pending, {}))
    if sorted(found) == sorted(right) and found != right:
        yield f"{name}: pending tasks are in the order {found}, not {right}"
