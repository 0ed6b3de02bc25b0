"""Child processes that share their parent's fate."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def bind_to_parent() -> Callable[[], None]:
    """What a child has to do before it runs its program, as ``preexec_fn`` of :mod:`subprocess`.

    The child leaves Ctrl-C to its parent, although the terminal sends SIGINT to both: a child that ended at the same
    moment could not be stopped in order. Other signals it takes as usual. On Linux it is killed when its parent is
    gone, however that ended. To be precise, when the *thread* that started it has ended: start children from the
    main thread.
    """
    parent = os.getpid()
    # Looked up before the fork: what loads a library may hang after it, if another thread held a lock.
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def bind() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)

    return bind
