"""Readiness of the store: the server answers, runs scripts, accepts writes and never evicts tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis.exceptions import NoPermissionError

from queuecore.errors import StoreError, StoreNotReady, StoreUnavailable
from queuecore.store.client.errors import translated
from queuecore.store.client.server import Server
from queuecore.store.result import Result
from queuecore.store.scripts.keys import QUEUES

_PROBE_SCRIPT = "return redis.call('EXISTS', KEYS[1])"


class Readiness(msgspec.Struct, frozen=True):
    """The result of a readiness check that passed."""

    policy_known: bool
    """True when the eviction policy could be read. Otherwise tasks may be lost to eviction."""


async def check_readiness(server: Server) -> Readiness:
    """Check that the server answers, runs scripts, accepts writes and does not evict keys.

    Raises:
        StoreUnavailable: the server does not answer.
        StoreNotReady: the server is misconfigured; the message names the setting.
    """
    with translated():
        try:
            await server.client.execute_command("EVAL", _PROBE_SCRIPT, 1, QUEUES)
        except NoPermissionError as error:
            raise StoreNotReady(f"the server does not let this user run scripts: {error}") from error
    return judge_infos(await server.infos())


def judge_infos(infos: Result[Sequence[Mapping[str, Any]]]) -> Readiness:
    """Check by INFO that servers accept writes and evict no keys.

    Args:
        infos: INFO of each server.

    Raises:
        StoreUnavailable: INFO was not answered.
        StoreNotReady: a server is misconfigured; the message names the setting.
    """
    if isinstance(infos, StoreUnavailable):
        raise infos
    if isinstance(infos, StoreError):
        return Readiness(policy_known=False)
    if any(info.get("role", "master") != "master" for info in infos):
        raise StoreNotReady("the server is a read-only replica")
    policies = {str(info["maxmemory_policy"]) for info in infos if "maxmemory_policy" in info}
    if wrong := policies - {"noeviction"}:
        raise StoreNotReady(
            f"the server evicts keys when its memory is full (maxmemory-policy is {', '.join(sorted(wrong))}); "
            "tasks would be lost: set it to noeviction"
        )
    return Readiness(policy_known=bool(policies))
