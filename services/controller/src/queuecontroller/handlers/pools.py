"""kopf handlers of WorkerPools: an index of claims, a wake-up on changes, and one daemon per pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import kopf

from queuecontroller.conflict import Claim
from queuecontroller.reconciler import PoolReconciler

GROUP, VERSION, PLURAL = "taskyard.dev", "v1alpha1", "workerpools"
EXIT_GRACE_S = 8.0
"""Time for a reconciliation in flight to finish when the controller stops, in seconds."""


def register_pools(registry: kopf.OperatorRegistry, make_reconciler: Callable[[str, str], PoolReconciler]) -> None:
    """Register the handlers of pools.

    Args:
        registry: kopf's registry.
        make_reconciler: creates the reconciler of a pool from its namespace and name.
    """

    @kopf.index(GROUP, VERSION, PLURAL, id="claims", registry=registry)
    async def claim(namespace: str | None, spec: kopf.Spec, meta: kopf.Meta, **_: Any) -> dict[Any, Claim]:
        target = (spec.get("scaleTargetRef") or {}).get("name")
        return {(namespace, target): Claim(meta["creationTimestamp"], meta["uid"], meta["name"])}

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def wake(event: kopf.RawEvent, memo: kopf.Memo, meta: kopf.Meta, **_: Any) -> None:
        memo.deleted = event["type"] == "DELETED"
        if memo.deleted or memo.get("generation") != meta.get("generation"):
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
    async def reconcile(
        body: kopf.Body,
        namespace: str | None,
        name: str,
        stopped: kopf.DaemonStopped,
        memo: kopf.Memo,
        **indices: Any,
    ) -> None:
        reconciler = make_reconciler(namespace or "", name)
        changed: asyncio.Event = memo.setdefault("changed", asyncio.Event())
        stop = asyncio.ensure_future(stopped.wait())
        try:
            while not stopped and not memo.get("deleted"):
                changed.clear()
                target = (body.spec.get("scaleTargetRef") or {}).get("name")
                result = await reconciler.reconcile(indices["claims"].get((namespace, target), ()))
                if result is None:
                    return
                for event in result.events:
                    kopf.event(body, type=event.type, reason=event.reason, message=event.message)
                await _wait(stop, changed, result.requeue_after_s)
        finally:
            stop.cancel()
            reconciler.forget()

    _disable_finalizers(registry)


def _disable_finalizers(registry: kopf.OperatorRegistry) -> None:
    """Keep kopf from adding its daemon finalizer to pools.

    With a finalizer, a pool deleted after the controller, as when both are uninstalled, would never disappear. The
    daemon needs none: it notices the deletion by itself.
    """
    spawning = registry._spawning  # noqa: SLF001 - there is no public way
    spawning._handlers = [replace(handler, requires_finalizer=False) for handler in spawning._handlers]  # noqa: SLF001


async def _wait(stop: asyncio.Future[Any], changed: asyncio.Event, seconds: float) -> None:
    """Wait for the stop of the daemon, a change of the pool, or the time of the requeue."""
    waking = asyncio.ensure_future(changed.wait())
    await asyncio.wait([stop, waking], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    waking.cancel()
