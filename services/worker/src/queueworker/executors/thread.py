"""Execution of plain handlers in threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from queueworker.runs.run import Run


class ThreadExecutor:
    """Runs handlers in a pool with a thread for each slot.

    A thread cannot be stopped from outside. When the attempt is stopped, the thread runs until the handler checks
    ``context.cancelled`` or returns, and keeps its slot until then.

    Args:
        threads: limit of handlers that run concurrently.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="handler")

    async def execute(self, run: Run) -> object:
        """Run the handler. Cancelling this call does not stop the thread."""
        handler = run.handler
        payload = handler.decode(run.lease.task.payload)
        # The copied context carries the current span into the thread.
        work = self._pool.submit(copy_context().run, handler.call, payload, run.context)
        future = asyncio.wrap_future(work)
        run.slot_taken_until = future
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The later result or error is discarded. `cancel` has no effect on a running thread.
            future.add_done_callback(_discard)
            work.cancel()
            raise

    def close(self) -> None:
        """Accept no more handlers, without waiting for running threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _discard(future: asyncio.Future[object]) -> None:
    if not future.cancelled():
        future.exception()
