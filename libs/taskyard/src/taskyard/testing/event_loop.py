"""An event loop for callers that have none, and for those whose own must not be blocked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

R = TypeVar("R")


def run_to_end(work: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine in an event loop of its own: in another thread if one runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    results: list[R] = []
    errors: list[BaseException] = []

    def work_in_thread() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=copy_context().run, args=(work_in_thread,), name="taskyard-testing")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
