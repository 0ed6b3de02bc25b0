"""What kopf calls for each WorkerPool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import kopf

from queuecontroller.reconciler import Claim, PoolReconciler

GROUP, VERSION, PLURAL = "taskyard.dev", "v1alpha1", "workerpools"
EXIT_GRACE_S = 8.0
"""How long a look that is under way may take to end when the controller stops."""


def register_pools(registry: kopf.OperatorRegistry, make_keeper: Callable[[str, str], PoolReconciler]) -> None:
    """Have kopf keep every pool.

    Args:
        registry: kopf's.
        make_keeper: makes the keeper of a pool from its namespace and name.
    """

    @kopf.index(GROUP, VERSION, PLURAL, id="claims", registry=registry)
    async def claim(namespace: str | None, spec: kopf.Spec, meta: kopf.Meta, **_: Any) -> dict[Any, Claim]:
        target = (spec.get("scaleTargetRef") or {}).get("name")
        return {(namespace, target): Claim(meta["creationTimestamp"], meta["uid"], meta["name"])}

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def wake(event: kopf.RawEvent, memo: kopf.Memo, meta: kopf.Meta, **_: Any) -> None:
        memo.gone = event["type"] == "DELETED"
        if memo.gone or memo.get("generation") != meta.get("generation"):
            memo.generation = meta.get("generation")
            memo.setdefault("changed", asyncio.Event()).set()

    @kopf.daemon(
        GROUP,
        VERSION,
        PLURAL,
        registry=registry,
        cancellation_backoff=EXIT_GRACE_S,
        cancellation_timeout=1.0,
    )
    async def keep(
        body: kopf.Body,
        namespace: str | None,
        name: str,
        stopped: kopf.DaemonStopped,
        memo: kopf.Memo,
        **indices: Any,
    ) -> None:
        keeper = make_keeper(namespace or "", name)
        changed: asyncio.Event = memo.setdefault("changed", asyncio.Event())
        stop = asyncio.ensure_future(stopped.wait())
        try:
            while not stopped and not memo.get("gone"):
                changed.clear()
                target = (body.spec.get("scaleTargetRef") or {}).get("name")
                kept = await keeper.keep(indices["claims"].get((namespace, target), ()))
                if kept is None:
                    return
                for notice in kept.notices:
                    kopf.event(body, type=notice.type, reason=notice.reason, message=notice.message)
                await _wait(stop, changed, kept.again_in_s)
        finally:
            stop.cancel()
            keeper.forget()

    _spare_finalizer(registry)


def _spare_finalizer(registry: kopf.OperatorRegistry) -> None:
    """Have kopf put no finalizer on pools.

    It does so for every daemon, and a pool that is deleted when no controller runs any more, as when both are
    uninstalled together, would never go. Our daemon notices the end of its pool by itself.
    """
    spawning = registry._spawning  # noqa: SLF001 - there is no public way
    spawning._handlers = [replace(handler, requires_finalizer=False) for handler in spawning._handlers]  # noqa: SLF001


async def _wait(stop: asyncio.Future[Any], changed: asyncio.Event, seconds: float) -> None:
    waking = asyncio.ensure_future(changed.wait())
    await asyncio.wait([stop, waking], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    waking.cancel()
