"""Dramatiq: threads, messages acknowledged when done."""

from __future__ import annotations

import time
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers import workload
from benchmarks.peers.client import Client

# Maintenance, which recovers tasks of lost workers, runs in 1 % of the commands; the default is 0.1 %.
broker = RedisBroker(url=workload.URL, heartbeat_timeout=workload.LEASE_S * 1000, maintenance_chance=10_000)
dramatiq.set_broker(broker)


@dramatiq.actor
def noop(number: str) -> None:
    workload.noop(number)


@dramatiq.actor
def stamp(number: str) -> None:
    workload.stamp(number)


@dramatiq.actor
def nap(number: str) -> None:
    workload.nap_blocking(number)


@dramatiq.actor
def hold(number: str) -> None:
    workload.hold_blocking(number)


_ACTORS: dict[str, Any] = {"noop": noop, "stamp": stamp, "nap": nap, "hold": hold}


class DramatiqClient(Client):
    def enqueue(self, kind: str, number: str) -> None:
        _ACTORS[kind].send(number)

    def schedule(self, kind: str, number: str, due_s: float) -> None:
        _ACTORS[kind].send_with_options(args=(number,), delay=max(0, round((due_s - time.time()) * 1000)))

    def unfinished(self) -> int:
        return sum(int(broker.client.hlen(f"dramatiq:{queue}.msgs")) for queue in ("default", "default.DQ"))


CLIENT = DramatiqClient()
