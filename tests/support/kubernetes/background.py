"""Background servers of a test session, in a thread with its own event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from aiohttp import web

T = TypeVar("T")


class Background:
    """An event loop in a thread, with HTTP servers that outlive single tests."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="test-servers", daemon=True)
        self._runners: list[web.AppRunner] = []
        self._kept: list[asyncio.Future[None]] = []
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def call(self, work: Callable[[], T]) -> T:
        async def call() -> T:
            return work()

        return self.run(call())

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` until the servers stop. To be called from the loop."""
        self._kept.append(asyncio.ensure_future(work))

    def serve(self, app: web.Application) -> str:
        """Serve ``app`` on a free port; the URL."""
        return self.run(self._serve(app))

    def stop(self) -> None:
        self.run(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _serve(self, app: web.Application) -> str:
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def _stop(self) -> None:
        for work in self._kept:
            work.cancel()
        await asyncio.gather(*self._kept, return_exceptions=True)
        for runner in self._runners:
            await runner.cleanup()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def running_background() -> Iterator[Background]:
    background = Background()
    try:
        yield background
    finally:
        background.stop()
