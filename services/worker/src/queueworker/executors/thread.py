"""Plain handlers, each in a thread."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from queueworker.runs.run import Run


class ThreadExecutor:
    """Runs handlers in a pool with a thread for each slot.

    A thread cannot be stopped from outside. When the attempt is stopped, the thread runs on until the handler looks at
    ``context.cancelled`` or returns; its slot stays taken meanwhile.

    Args:
        threads: how many handlers run at once at most.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="handler")

    async def execute(self, run: Run) -> object:
        """Run the handler; cancelling this leaves the thread to itself."""
        handler = run.handler
        payload = handler.decode(run.lease.task.payload)
        # The context goes along, and with it the current span.
        work = self._pool.submit(copy_context().run, handler.call, payload, run.context)
        future = asyncio.wrap_future(work)
        run.slot_taken_until = future
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # Nobody waits for what the thread still returns or raises. A running thread is not cancelled by this.
            future.add_done_callback(_discard)
            work.cancel()
            raise

    def close(self) -> None:
        """Take no more handlers; running threads are left to themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _discard(future: asyncio.Future[object]) -> None:
    if not future.cancelled():
        future.exception()
