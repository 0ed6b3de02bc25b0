"""Whether the server is fit to hold tasks."""

from __future__ import annotations

from typing import Any

import msgspec
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoPermissionError, ResponseError

from queuecore.errors import StoreNotReady
from queuecore.store.failures import translated
from queuecore.store.server import Server

_PROBE_SCRIPT = "return redis.call('EXISTS', KEYS[1])"
_PROBE_KEY = "taskyard:queues"


class Readiness(msgspec.Struct, frozen=True):
    """What a check found."""

    policy_known: bool
    """Whether the server let us read its eviction policy; where not, losing tasks to eviction cannot be ruled out."""


async def check_readiness(server: Server) -> Readiness:
    """Check that the server answers, runs scripts, takes writes and does not evict keys.

    Raises:
        StoreUnavailable: it does not answer.
        StoreNotReady: it answers, but is not set up as it must be; the message says how.
    """
    with translated():
        try:
            await server.client.execute_command("EVAL", _PROBE_SCRIPT, 1, _PROBE_KEY)
        except NoPermissionError as error:
            raise StoreNotReady(f"the server does not let this user run scripts: {error}") from error
        policies = await _eviction_policies(server)
        if await _is_replica(server):
            raise StoreNotReady("the server is a read-only replica")
    if wrong := policies - {"noeviction"}:
        raise StoreNotReady(
            f"the server evicts keys when its memory is full (maxmemory-policy is {', '.join(sorted(wrong))}); "
            "tasks would be lost: set it to noeviction"
        )
    return Readiness(policy_known=bool(policies))


async def _eviction_policies(server: Server) -> set[str]:
    """The policy of each node; empty where the server does not tell (managed services often forbid CONFIG)."""
    try:
        if isinstance(server.client, RedisCluster):
            answers: Any = await server.client.config_get("maxmemory-policy", target_nodes="all")
            return {str(node["maxmemory-policy"]) for node in answers.values()}
        _, policy = await server.client.execute_command("CONFIG", "GET", "maxmemory-policy")
        return {policy.decode()}
    except ResponseError:
        return set()


async def _is_replica(server: Server) -> bool:
    """Whether the server only copies another; not asked on a Cluster, which routes writes by itself."""
    if isinstance(server.client, RedisCluster):
        return False
    try:
        return bool((await server.client.info("replication"))["role"] != "master")
    except NoPermissionError:
        return False
