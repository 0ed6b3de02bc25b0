"""Celery on Redis, acknowledged late."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from celery import Celery
from redis import Redis

from benchmarks.peers import workload
from benchmarks.peers.client import Client

app = Celery("bench", broker=workload.URL)
app.conf.update(
    broker_connection_retry_on_startup=True,
    # Tasks of a lost worker are redelivered after this time.
    broker_transport_options={"visibility_timeout": workload.LEASE_S},
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_enable_remote_control=False,
    worker_prefetch_multiplier=4,
    worker_hijack_root_logger=False,
)


@app.task(name="noop")
def noop(number: str) -> None:
    workload.noop(number)


@app.task(name="stamp")
def stamp(number: str) -> None:
    workload.stamp(number)


@app.task(name="nap")
def nap(number: str) -> None:
    workload.nap_blocking(number)


@app.task(name="hold")
def hold(number: str) -> None:
    workload.hold_blocking(number)


_TASKS: dict[str, Any] = {"noop": noop, "stamp": stamp, "nap": nap, "hold": hold}


class CeleryClient(Client):
    def open(self) -> None:
        self._redis = Redis.from_url(workload.URL)

    def enqueue(self, kind: str, number: str) -> None:
        _TASKS[kind].delay(number)

    def schedule(self, kind: str, number: str, due_s: float) -> None:
        _TASKS[kind].apply_async((number,), eta=datetime.fromtimestamp(due_s, UTC))

    def unfinished(self) -> int:
        return int(self._redis.llen("celery")) + int(self._redis.hlen("unacked"))


CLIENT = CeleryClient()
