"""Identity of a worker process."""

from __future__ import annotations

import os
import secrets
import socket

from queuecore.store.attempts.leases import WorkerIdentity


def make_identity() -> WorkerIdentity:
    """Make an identity that no other process has, not even the next one of the same pod."""
    pod = socket.gethostname()
    return WorkerIdentity(worker=f"{pod}-{os.getpid()}-{secrets.token_hex(3)}", pod=pod)
