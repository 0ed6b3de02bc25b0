"""Translation of the client library's errors into :class:`~queuecore.errors.StoreError`.

Callers decide by the class of the error, without knowing the library: retry later, refuse more work, or report a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions as redis_errors

from queuecore.errors import KeyDamaged, StoreError, StoreFull, StoreRefusesLogin, StoreUnavailable

_TEMPORARY = (
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
    redis_errors.ClusterError,
    redis_errors.RedisClusterException,
    redis_errors.ReadOnlyError,
    redis_errors.MovedError,
    redis_errors.TryAgainError,
    OSError,
    TimeoutError,
)
"""Errors of an unreachable or starting server, or of a failover: they are temporary."""

_TEMPORARY_PREFIXES = ("MISCONF", "NOREPLICAS", "READONLY", "BUSY", "UNBLOCKED")

_WRAPPED = re.compile(r"^Error running script .*?: -(?P<error>[A-Z]+ .*)$")
"""Before Redis 7 the error of a command in a script is wrapped in another."""

_SLOT_MOVES = ("non local key", "during rehashing of the slot")
"""Parts of the error of a script while the slot of its keys migrates to another node."""

_LOST_CONNECTION = ("the handler is closed", "'NoneType' object has no attribute 'writelines'")
"""Parts of uvloop's RuntimeError and the client's AttributeError for a write to a lost connection, or to one that
another call has closed since the nodes of a Cluster have changed."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise the client library's errors as :class:`~queuecore.errors.StoreError`."""
    try:
        yield
    except (redis_errors.RedisError, redis_errors.RedisClusterException, OSError) as error:
        raise translate(error) from error
    except (RuntimeError, AttributeError) as error:
        if not was_cut(error):
            raise
        raise StoreUnavailable(f"the connection was cut: {error}") from error


def was_cut(error: RuntimeError | AttributeError) -> bool:
    """Check for the error of a write to a lost connection."""
    return any(sign in str(error) for sign in _LOST_CONNECTION)


def translate(error: BaseException) -> StoreError:
    """The store's error for an error of the client library."""
    text = f"{type(error).__name__}: {error}"
    message = _message(error)
    if isinstance(error, redis_errors.OutOfMemoryError) or message.startswith("OOM"):
        return StoreFull(text)
    if isinstance(error, redis_errors.AuthenticationError):
        return StoreRefusesLogin(f"{StoreRefusesLogin.__doc__} {text}")
    if (
        isinstance(error, _TEMPORARY)
        or message.startswith(_TEMPORARY_PREFIXES)
        or any(sign in message for sign in _SLOT_MOVES)
    ):
        return StoreUnavailable(text)
    return KeyDamaged(text) if message.startswith("WRONGTYPE") else StoreError(text)


def _message(error: BaseException) -> str:
    wrapped = _WRAPPED.match(str(error))
    return wrapped["error"] if wrapped else str(error)
