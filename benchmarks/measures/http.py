"""Enqueue over HTTP, compared with an empty Litestar route on the same server with the same settings."""

from __future__ import annotations

import json
from contextlib import ExitStack

from benchmarks.harness.http_load import post_for
from benchmarks.harness.service import http_server
from benchmarks.peers.contender import OURS
from benchmarks.plan import Plan
from benchmarks.report.table import EMPTY_ROUTE, ONE_BY_ONE
from queuecore.embedded import EmbeddedValkey
from queuecore.testing.store import TestStore

CONNECTIONS = 64
_BATCH = 100
_TASK = {"type": "noop", "payload": {"message": "x" * 80}}
_SINGLE_PATH, _BATCH_PATH = "/api/v1/tasks", "/api/v1/tasks/batch"


class HttpEnqueue:
    """One API process and one process of empty routes, for several rounds.

    Args:
        server: the store; the API uses its first database.
    """

    def __init__(self, server: EmbeddedValkey, plan: Plan) -> None:
        self._url = server.url
        self._plan = plan
        self._stack = ExitStack()

    def __enter__(self) -> HttpEnqueue:
        self._api = self._stack.enter_context(http_server("queueapi", self._url))
        self._empty = self._stack.enter_context(http_server("benchmarks.harness.empty_route"))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    async def measure(self) -> dict[str, dict[str, float]]:
        """One round: per figure the value of Taskyard and its yardstick."""
        single = json.dumps(_TASK).encode()
        batch = json.dumps({"tasks": [_TASK] * _BATCH}).encode()
        empty_rate = await self._rate(self._empty, single, _SINGLE_PATH)
        single_rate = await self._checked(single, _SINGLE_PATH, 1)
        batch_rate = await self._checked(batch, _BATCH_PATH, _BATCH)
        return {
            "http_enqueue_single": {OURS: single_rate, EMPTY_ROUTE: empty_rate},
            "http_enqueue_batch": {OURS: batch_rate, ONE_BY_ONE: single_rate},
        }

    async def _rate(self, port: int, body: bytes, path: str) -> float:
        answered, took_s = await post_for(port, path, body, connections=CONNECTIONS, seconds=self._plan.http_s)
        return answered / took_s

    async def _checked(self, body: bytes, path: str, per_request: int) -> float:
        """Tasks per second, after a check that the store holds all of them."""
        store = TestStore(self._url)
        await store.server.command("FLUSHDB")
        await store.directory.register_types({"noop": b"null"})
        await store.directory.register_queues(["default"])
        answered, took_s = await post_for(self._api, path, body, connections=CONNECTIONS, seconds=self._plan.http_s)
        pending = int(await store.server.command("ZCARD", "taskyard:{default}:pending"))
        await store.server.command("FLUSHDB")
        await store.close()
        if pending != answered * per_request:
            raise AssertionError(f"{answered * per_request} tasks were accepted, {pending} are in the store")
        return pending / took_s
