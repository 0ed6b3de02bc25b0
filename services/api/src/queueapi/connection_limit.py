"""How many clients may be connected at once.

A connection costs little, be it that its client says nothing: a limit that a crowd of idle clients can reach keeps all
others out, the kubelet's probes among them. So there is none but the number of files that the process may open.
"""

from __future__ import annotations

import resource

MOST_CONNECTIONS = 65_536
RESERVED_FILES = 256
"""For the store's connections, logs and the runtime."""


def raise_connection_limit() -> int:
    """Let the process open as many files as the system allows it.

    Returns:
        How many of them are for clients.
    """
    wanted = MOST_CONNECTIONS + RESERVED_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = max(soft, wanted if hard == resource.RLIM_INFINITY else min(wanted, hard))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except ValueError:
        # Some systems name no limit and have one all the same.
        allowed = soft
    return max(1, min(MOST_CONNECTIONS, allowed - RESERVED_FILES))
