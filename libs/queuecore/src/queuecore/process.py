"""Lifecycle of a service's process: settings, logs, background roles, signals, exit."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NoReturn, TypeVar

import structlog
import uvloop

from queuecore.errors import ConfigError
from queuecore.observe.logs import configure_logging
from queuecore.settings.arguments import answer_arguments
from queuecore.settings.loader import exit_with, load_or_exit
from queuecore.settings.shared import ProcessSettings

log = structlog.get_logger()


S = TypeVar("S", bound=ProcessSettings)

CANCEL_INTERVAL_S = 0.1
EXIT_GRACE_S = 2.0
"""The longest delay of the process's end by remaining tasks and threads."""


class StopSignals:
    """SIGTERM and SIGINT: the first requests a graceful stop, the second an immediate one.

    Args:
        on_hurry: called at the second signal.
        exit_after_s: longest time from the first signal to the end of the process; ``None`` for no limit.
    """

    def __init__(self, on_hurry: Callable[[], None] = lambda: None, exit_after_s: float | None = None) -> None:
        self._asked = asyncio.Event()
        self._on_hurry = on_hurry
        self._exit_after_s = exit_after_s
        self._loop = asyncio.get_running_loop()
        # Not handlers of the event loop: it may be blocked.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    @property
    def asked(self) -> bool:
        """True once a stop was requested."""
        return self._asked.is_set()

    async def wait(self) -> None:
        """Wait until a stop is requested."""
        await self._asked.wait()

    def limit_exit(self) -> None:
        """Start the time limit, unless it has started. The traceback of each thread goes to stderr at its end.

        The limit holds whatever the event loop and the threads do: no Python code runs for it.
        """
        if self._exit_after_s is not None:
            faulthandler.dump_traceback_later(self._exit_after_s, exit=True)
            self._exit_after_s = None

    def _handle(self, *_: object) -> None:
        self.limit_exit()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._receive)

    def _receive(self) -> None:
        if self.asked:
            self._on_hurry()
        self._asked.set()


class Roles:
    """The background roles of a process, each a coroutine that never ends by itself."""

    def __init__(self, roles: Mapping[str, Coroutine[Any, Any, None]]) -> None:
        self._tasks = [asyncio.create_task(role, name=name) for name, role in roles.items()]

    async def run_until(self, stop: StopSignals) -> bool:
        """Wait until a stop is requested or a role has failed.

        Returns:
            Whether no role has failed.
        """
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait([waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        failed = [task for task in self._tasks if task.done()]
        for task in failed:
            log.error("role_failed", role=task.get_name(), exc_info=task.exception())
        return not failed

    async def cancel(self) -> None:
        """Cancel all roles and wait for their end."""
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            # Cancel again after an interval: in Python 3.11 asyncio.wait_for, with which the store's client sends each
            # command, loses a cancellation that arrives just as the command has been sent.
            _, running = await asyncio.wait(running, timeout=CANCEL_INTERVAL_S)


def run_service(name: str, kind: type[S], prefix: str, run: Callable[[S], Coroutine[Any, Any, int]]) -> NoReturn:
    """Run a service: read its settings, set up its logs, run it in a new event loop, exit.

    Args:
        name: its name in logs; its command is ``taskyard-NAME``.
        kind: the class of its settings; the field ``log`` is a :class:`~queuecore.settings.shared.LogSettings`.
        prefix: the prefix of its environment variables.
        run: the service; returns the exit code. A :class:`~queuecore.errors.ConfigError` ends it with code 2.
    """
    answer_arguments(f"taskyard-{name}", kind, prefix, sys.argv[1:])
    settings = load_or_exit(kind, prefix)
    configure_logging(name, settings.log.level, settings.log.format)
    try:
        sys.exit(uvloop.run(_run_to_exit(run(settings))))
    except ConfigError as error:
        exit_with(error)


def relax_garbage_collection() -> None:
    """Run the garbage collector less often, and never for existing objects: it took a tenth of the processor time.

    For processes with many short-lived objects, which reference counting frees without the collector.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


async def _run_to_exit(service: Coroutine[Any, Any, int]) -> int:
    code = await service
    # The event loop waits for its tasks and Python for its threads, and some never end: a handler that hangs or ignores
    # its cancellation, or a library's thread.
    forced_exit = threading.Timer(EXIT_GRACE_S, os._exit, [code])
    forced_exit.daemon = True
    forced_exit.start()
    return code
