"""Child processes that end with their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def bind_to_parent() -> Callable[[], None]:
    """The ``preexec_fn`` of :mod:`subprocess` for a child that ends with its parent.

    The child ignores Ctrl-C, which the terminal sends to both processes: the parent stops its children in order. Other
    signals work as usual. On Linux the child is killed when its parent ends for any reason, more precisely when the
    *thread* that started it ends: start children from the main thread.
    """
    parent = os.getpid()
    # Before the fork: loading a library after it may hang, if another thread held a lock.
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def bind() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)

    return bind
