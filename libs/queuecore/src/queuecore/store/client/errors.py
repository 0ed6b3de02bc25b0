"""The client library's errors, told in the store's own words.

Callers must be able to act on an error without knowing the library: whether to try again later, to refuse more work,
or to report a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions as redis_errors

from queuecore.errors import StoreError, StoreFull, StoreRefusesLogin, StoreUnavailable

_AWAY = (
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
"""The server cannot be reached, is starting, or a failover is under way: it will pass."""

_AWAY_PREFIXES = ("MISCONF", "NOREPLICAS", "READONLY", "BUSY", "UNBLOCKED")

_TOLD_BY_SCRIPT = re.compile(r"^Error running script .*?: -(?P<told>[A-Z]+ .*)$")
"""Before Redis 7 the error of a command in a script comes wrapped."""

_SLOT_MOVES = ("non local key", "during rehashing of the slot")
"""In what a Cluster's node says to a script while the slot of its keys moves to another node."""

_CUT_A_MOMENT_AGO = ("the handler is closed", "'NoneType' object has no attribute 'writelines'")
"""In the RuntimeError of uvloop and the AttributeError of the client when it writes to a connection that was cut, or
that another call has closed since a Cluster's nodes have changed."""


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
    """Whether this is what writing to a connection that was cut ends in."""
    return any(sign in str(error) for sign in _CUT_A_MOMENT_AGO)


def translate(error: BaseException) -> StoreError:
    """The store's word for an error of the client library."""
    text = f"{type(error).__name__}: {error}"
    told = _told(error)
    if isinstance(error, redis_errors.OutOfMemoryError) or told.startswith("OOM"):
        return StoreFull(text)
    if isinstance(error, redis_errors.AuthenticationError):
        return StoreRefusesLogin(f"{StoreRefusesLogin.__doc__} {text}")
    if isinstance(error, _AWAY) or told.startswith(_AWAY_PREFIXES) or any(sign in told for sign in _SLOT_MOVES):
        return StoreUnavailable(text)
    return StoreError(text)


def _told(error: BaseException) -> str:
    wrapped = _TOLD_BY_SCRIPT.match(str(error))
    return wrapped["told"] if wrapped else str(error)
