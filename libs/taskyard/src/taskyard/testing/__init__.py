"""Tools for tests of tasks: run one, record or run what code enqueues, start a real server.

- :func:`run` runs one attempt of a task, with its payload and result by way of JSON as in production.
- :func:`recording` records what is enqueued, :func:`inline` runs it at once.
- :class:`TestServer` starts the real thing on an embedded Valkey.

The pytest plugin in :mod:`taskyard.testing.pytest_plugin` has fixtures for the last three.
"""

from taskyard.testing.execution import run, run_async
from taskyard.testing.inlining import inline
from taskyard.testing.interception import recording
from taskyard.testing.outcome import LogLine, Outcome
from taskyard.testing.recorded import RecordedTask, RecordedTasks
from taskyard.testing.server import ServerNotStarted, TestServer

__all__ = [
    "run",
    "run_async",
    "Outcome",
    "LogLine",
    "recording",
    "inline",
    "RecordedTasks",
    "RecordedTask",
    "TestServer",
    "ServerNotStarted",
]
