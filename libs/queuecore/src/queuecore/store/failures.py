"""The client library's errors, told in the store's own words.

Callers must be able to act on an error without knowing the library: whether to try again later, to refuse more work,
or to report a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions as redis_errors

from queuecore.errors import StoreError, StoreFull, StoreUnavailable

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

_AWAY_PREFIXES = ("MISCONF", "NOREPLICAS", "BUSY", "UNBLOCKED")

_CLOSED_BY_UVLOOP = "the handler is closed"
"""In the RuntimeError of uvloop when the client writes to a connection that was cut a moment ago."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise the client library's errors as :class:`~queuecore.errors.StoreError`."""
    try:
        yield
    except (redis_errors.RedisError, redis_errors.RedisClusterException, OSError) as error:
        raise translate(error) from error
    except RuntimeError as error:
        if _CLOSED_BY_UVLOOP not in str(error):
            raise
        raise StoreUnavailable(f"the connection was cut: {error}") from error


def translate(error: BaseException) -> StoreError:
    """The store's word for an error of the client library."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, redis_errors.OutOfMemoryError):
        return StoreFull(text)
    if isinstance(error, _AWAY) or str(error).startswith(_AWAY_PREFIXES):
        return StoreUnavailable(text)
    return StoreError(text)
