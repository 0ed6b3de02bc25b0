"""The errors of Taskyard.

::

    TaskyardError
    ├── ConfigError                an environment variable has an invalid value
    ├── InvalidField               a field of a task has an invalid value
    │   └── InvalidDuration, InvalidTimestamp, ...
    ├── EnvelopeError              stored bytes are not a task
    │   └── UnknownEnvelopeVersion     a newer release wrote them
    └── StoreError                 a call of the store failed
        ├── StoreUnavailable           it is unreachable, or did not answer in time
        │   └── StoreRefusesLogin          it refuses the user name and password
        ├── KeyDamaged                 a key of the store has another type
        ├── StoreNotReady              it answers, but is misconfigured
        ├── StoreFull                  it has reached its memory limit
        ├── NotDurable                 a task was not confirmed at the durability of its queue
        ├── TaskNotFound               no task has this id
        ├── TaskActive                 the operation is refused while the task runs
        ├── TaskNotCancellable         the task has ended
        └── UniqueLockTaken            another task holds the unique lock
"""

from __future__ import annotations


class TaskyardError(Exception):
    """Something in Taskyard went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").splitlines()[0])


class ConfigError(TaskyardError):
    """The configuration has a value that cannot be used."""


class InvalidField(TaskyardError, ValueError):
    """A field has a value that it does not take.

    Args:
        field: the field's name as the user wrote it, dotted when nested.
        got: the value that was given.
        expected: what the field takes, in words that complete "expected ...".
    """

    def __init__(self, field: str, got: object, expected: str) -> None:
        super().__init__(f"{field}: expected {expected}, got {_shorten(got)}")
        self.field = field
        self.got = got
        self.expected = expected


class InvalidDuration(InvalidField):
    """A text is not a duration."""


class InvalidTimestamp(InvalidField):
    """A text is not an RFC 3339 time."""


class EnvelopeError(TaskyardError):
    """The stored bytes are not a task envelope."""


class UnknownEnvelopeVersion(EnvelopeError):
    """The envelope was written by a newer release than this one."""


class StoreError(TaskyardError):
    """The store did not do what it was asked."""


class StoreUnavailable(StoreError):
    """The store cannot be reached or did not answer in time."""


class StoreRefusesLogin(StoreUnavailable):
    """The store does not take our user name and password (TASKYARD_REDIS_USERNAME, TASKYARD_REDIS_PASSWORD)."""


class StoreNotReady(StoreError):
    """The store answers but is not set up as a task store must be."""


class KeyDamaged(StoreError):
    """A key of the store has another type than it should: something else has written it."""


class StoreFull(StoreError):
    """The store has reached its memory limit and takes no more tasks."""


class NotDurable(StoreError):
    """The task was not confirmed at the durability of its queue: it may or may not survive a failure of the store."""


class TaskNotFound(StoreError):
    """There is no such task."""


class TaskActive(StoreError):
    """The task is running."""


class TaskNotCancellable(StoreError):
    """The task has ended and cannot be cancelled any more."""


class UniqueLockTaken(StoreError):
    """Another task holds the unique lock.

    Args:
        holder: the id of that task.
    """

    def __init__(self, holder: str) -> None:
        super().__init__(f"task {holder} holds the unique lock")
        self.holder = holder


def _shorten(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
