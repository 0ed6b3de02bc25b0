"""RQ without forking: one job at a time in the worker's process, its fastest mode."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from rq import Queue, Retry, SimpleWorker
from rq.registry import ScheduledJobRegistry, StartedJobRegistry

from benchmarks.peers import workload
from benchmarks.peers.client import Client

_redis = Redis.from_url(workload.URL)
_queue = Queue(connection=_redis)
_OPTIONS: dict[str, Any] = {"result_ttl": 0, "job_timeout": workload.LEASE_S}
_RETRY = Retry(max=3)


def noop(number: str) -> None:
    workload.noop(number)


def stamp(number: str) -> None:
    workload.stamp(number)


def nap(number: str) -> None:
    workload.nap_blocking(number)


def hold(number: str) -> None:
    workload.hold_blocking(number)


def _path(kind: str) -> str:
    # By name, because this module is __main__ in the worker.
    return f"benchmarks.peers.rq.{kind}"


class RqClient(Client):
    def enqueue(self, kind: str, number: str) -> None:
        _queue.enqueue(_path(kind), number, retry=_RETRY, **_OPTIONS)

    def enqueue_batch(self, kind: str, numbers: Sequence[str]) -> None:
        jobs = [
            Queue.prepare_data(_path(kind), (number,), result_ttl=0, timeout=workload.LEASE_S, retry=_RETRY)
            for number in numbers
        ]
        _queue.enqueue_many(jobs)

    def schedule(self, kind: str, number: str, due_s: float) -> None:
        _queue.enqueue_at(datetime.fromtimestamp(due_s, UTC), _path(kind), number, **_OPTIONS)

    def unfinished(self) -> int:
        registries = (StartedJobRegistry(queue=_queue), ScheduledJobRegistry(queue=_queue))
        held = sum(int(_redis.zcard(registry.key)) for registry in registries)
        return int(_queue.count) + int(_redis.llen(_queue.intermediate_queue_key)) + held


CLIENT = RqClient()

if __name__ == "__main__":
    SimpleWorker([_queue], connection=_redis, maintenance_interval=5).work(
        with_scheduler=True, logging_level=logging.getLevelName(logging.WARNING)
    )
