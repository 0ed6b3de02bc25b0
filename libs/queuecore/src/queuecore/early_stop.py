"""SIGTERM during start-up. Imports nothing heavy: every entry point calls it before its other imports.

The imports of a service take seconds. The kernel drops SIGTERM for a container's first process while that has no
handler, so a pod deleted during its start would run, and lease tasks, until it is killed.
"""

from __future__ import annotations

import os
import signal


def exit_at_sigterm() -> None:
    """Exit at once with code 0 at SIGTERM, until a handler that stops the service gracefully takes over.

    Such a handler replaces this one: :class:`queuecore.process.StopSignals`, or kopf's. No signal is lost in between:
    Python calls the handlers of earlier signals before it installs another one.
    """
    signal.signal(signal.SIGTERM, _exit)


def _exit(*_: object) -> None:
    # `sys.exit` raises an exception, which code that is being imported may swallow.
    os._exit(0)
