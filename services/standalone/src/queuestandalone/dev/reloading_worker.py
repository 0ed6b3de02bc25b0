"""Reloading worker: a worker process that is replaced when its sources change."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from queuecore.errors import ConfigError
from queuestandalone.backoff import RestartBackoff
from queuestandalone.process_spec import ProcessSpec
from queuestandalone.supervisor import Supervisor

DRAIN_S = 30.0
"""Time for the running tasks of a worker that was replaced."""
_SUPERSEDED_S = 1.0

log = structlog.get_logger()


class ReloadingWorker:
    """Runs one worker; at a change, starts the next one, and drains the old one once that is ready.

    A worker that ends before it is ready, as with a module that cannot be imported, leaves the old one in place. A
    change while a worker starts replaces that one, too.

    Args:
        specify: makes the process of the worker with a number, from 0.
        changes: the changed files.
    """

    def __init__(self, specify: Callable[[int], ProcessSpec], changes: AsyncIterator[Sequence[Path]]) -> None:
        self._specify = specify
        self._changes = changes
        self._number = 0
        self._current: Supervisor | None = None
        self._starting: Supervisor | None = None
        self._draining: dict[Supervisor, asyncio.Task[None]] = {}
        self._has_tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Start the first worker and watch for changes.

        Returns:
            The task, which ends after :meth:`stop`.
        """
        self._task = asyncio.create_task(self._run(), name="reloading worker")
        return self._task

    async def wait_until_ready(self) -> None:
        """Wait until the first worker is ready, or has failed: a save may repair it."""
        await self._has_tried.wait()

    async def stop(self, grace_s: float) -> None:
        """Stop watching, and stop all workers."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        # Those that drain have had their signal: a second one would interrupt their tasks.
        running = [each for each in (self._starting, self._current) if each is not None]
        await asyncio.gather(*(each.stop(grace_s) for each in running), *self._draining.values())

    def force_stop(self) -> None:
        """Force all workers to stop."""
        for each in (self._starting, self._current, *self._draining):
            if each is not None:
                each.force_stop()

    async def _run(self) -> None:
        while True:
            change = asyncio.create_task(self._next_change())
            try:
                await self._start_next(change)
                self._has_tried.set()
                files = await change
            finally:
                change.cancel()
            log.info("sources_changed", files=[each.name for each in files])

    async def _next_change(self) -> Sequence[Path]:
        return await anext(self._changes)

    async def _start_next(self, change: asyncio.Task[Sequence[Path]]) -> None:
        """Start a worker; it takes over once it is ready, unless it ends or a change comes first."""
        spec = replace(self._specify(self._number), fatal_error=_not_started)
        self._number += 1
        candidate = self._starting = Supervisor(spec, RestartBackoff(random.random))
        running = candidate.start()
        ready = asyncio.create_task(candidate.wait_until_ready())
        try:
            await asyncio.wait([running, ready, change], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if running.done():
            self._starting = None
            kept = "the worker before it" if self._current else "none, until a file is saved"
            log.error("worker_not_started", error=str(running.exception()), running=kept)
        elif ready.done():
            self._starting = None
            self._replace_current(candidate)
        else:
            await candidate.stop(_SUPERSEDED_S)
            self._starting = None

    def _replace_current(self, candidate: Supervisor) -> None:
        old, self._current = self._current, candidate
        if old is not None:
            log.info("worker_reloaded")
            drained = self._draining[old] = asyncio.create_task(old.stop(DRAIN_S))
            drained.add_done_callback(lambda _: self._draining.pop(old, None))


def _not_started(exit_code: int) -> ConfigError:
    return ConfigError(f"the worker ended with exit code {exit_code} before it was ready, see above")
