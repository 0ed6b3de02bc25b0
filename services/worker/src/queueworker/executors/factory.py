"""Executors for all kinds of handlers."""

from __future__ import annotations

import os

from queueworker.executors.coroutine import CoroutineExecutor
from queueworker.executors.process import ProcessExecutor
from queueworker.executors.thread import ThreadExecutor
from queueworker.runs.ports import Executor
from queueworker.settings import WorkerSettings
from taskyard.handler import HandlerKind


def make_executors(settings: WorkerSettings) -> dict[HandlerKind, Executor]:
    """Make one executor for each kind of handler. Their threads and processes start on first use."""
    return {
        HandlerKind.ASYNC: CoroutineExecutor(),
        HandlerKind.THREAD: ThreadExecutor(settings.slots),
        HandlerKind.PROCESS: ProcessExecutor(
            settings.processes or os.cpu_count() or 1, settings.apps, settings.log, settings.trace
        ),
    }
