"""Options of tasks: of one enqueue, of a task and of an app; their validation and their form in a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from typing_extensions import TypedDict

from queuecore.domain.duration import format_duration, parse_duration, parse_positive_duration
from queuecore.domain.names import check_queue_name, check_task_id
from queuecore.domain.retry import RetryPolicy
from queuecore.domain.task import DEFAULT_QUEUE, PRIORITY_RANGE
from queuecore.domain.timestamp import format_rfc3339
from queuecore.errors import InvalidField

Duration: TypeAlias = str | timedelta
"""A duration: a timedelta, or a text such as ``30s``, ``5m``, ``1h30m`` or ``500ms``."""

_DEFAULT = RetryPolicy()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Exponential:
    """Delays between retries that grow by a factor.

    Args:
        base: the delay before the first retry.
        factor: the ratio of each delay to the previous.
        max: the longest delay.
        jitter: random variation of each delay, as a share of it, from 0 to 1.

    Raises:
        InvalidField: a value is out of its range.
    """

    __slots__ = ("policy",)

    def __init__(
        self,
        base: Duration = "1s",
        *,
        factor: float = _DEFAULT.factor,
        max: Duration = "15m",  # noqa: A002 - the name in the API
        jitter: float = _DEFAULT.jitter,
    ) -> None:
        if not 1 <= factor <= 1_000:
            raise InvalidField("retry.factor", factor, "a number from 1 to 1000")
        if not 0 <= jitter <= 1:
            raise InvalidField("retry.jitter", jitter, "a number from 0 to 1")
        self.policy = RetryPolicy("exponential", to_ms(base, "retry.base"), factor, to_ms(max, "retry.max"), jitter)


class Fixed:
    """The same delay before each retry.

    Args:
        delay: the delay.

    Raises:
        InvalidField: the delay is no duration.
    """

    __slots__ = ("policy",)

    def __init__(self, delay: Duration) -> None:
        delay_ms = to_ms(delay, "retry.delay")
        self.policy = RetryPolicy("constant", base_ms=delay_ms, max_ms=delay_ms, jitter=0.0)


Backoff: TypeAlias = Exponential | Fixed


class TaskOptions(TypedDict, total=False):
    """Options of a task type or of all tasks of an app. An option that nobody sets has the API's default."""

    queue: str
    priority: int
    """0 to 9; of the pending tasks of a queue, the highest runs first."""
    max_retries: int
    timeout: Duration
    """Time limit of one attempt."""
    retry: Backoff
    unique: Duration
    """Deduplication window: no equal task is accepted in it."""
    retention: Duration
    """How long the completed task is kept; ``0s`` deletes it, and its result, at once."""
    metadata: Mapping[str, str]


class EnqueueOptions(TypedDict, total=False):
    """Options of one enqueue. They take precedence over those of the task, and these over those of the app."""

    queue: str
    priority: int
    delay: Duration
    """Earliest start, from now; instead of ``process_at``."""
    process_at: datetime
    max_retries: int
    timeout: Duration
    deadline: datetime
    """No attempt runs after this time."""
    retry: Backoff
    unique: Duration
    unique_key: str
    """With ``unique``: tasks with the same key are equal, whatever their payloads."""
    task_id: str
    metadata: Mapping[str, str]
    retention: Duration


def check_options(options: Mapping[str, Any], allowed: type) -> None:
    """Validate the options by themselves.

    Args:
        options: by name.
        allowed: :class:`TaskOptions` or :class:`EnqueueOptions`.

    Raises:
        TypeError: there is no such option.
        InvalidField: an option has an invalid value.
    """
    unknown = options.keys() - allowed.__annotations__.keys()
    if unknown:
        raise TypeError(
            f"there is no option {', '.join(sorted(unknown))}; there are {', '.join(sorted(allowed.__annotations__))}"
        )
    for name, value in options.items():
        _FIELDS[name](value, name)
    if "delay" in options and "process_at" in options:
        raise InvalidField("delay", options["delay"], "either delay or process_at, not both")


def write_fields(options: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """The options as fields of a request: only those that are set.

    Args:
        options: valid options.
        now_ms: the current time, Unix ms; ``delay`` counts from it.
    """
    fields = {_NAMES.get(name, name): _FIELDS[name](value, name) for name, value in options.items() if name != "delay"}
    if "delay" in options:
        fields["process_at"] = format_rfc3339(now_ms + to_ms(options["delay"], "delay"))
    return fields


def normalize(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options in the one form of requests, so that equal ones compare as equal; names as of the options."""
    return {name: _FIELDS[name](value, name) for name, value in options.items()}


def queue_of(options: Mapping[str, Any]) -> str:
    """The queue that the options name, or the default one."""
    queue: str = options.get("queue", DEFAULT_QUEUE)
    return queue


def to_ms(value: Duration, field: str) -> int:
    """A duration in ms.

    Raises:
        InvalidDuration: it is no duration, negative or too long.
    """
    if isinstance(value, timedelta):
        # By way of the text, which checks the range.
        milliseconds = value // _MILLISECOND
        return parse_duration(f"{milliseconds}ms" if milliseconds else "0", field)
    if not isinstance(value, str):
        raise InvalidField(field, value, "a timedelta or a duration such as 30s, 5m, 1h30m or 500ms")
    return parse_duration(value, field)


def _write_duration(value: Duration, field: str) -> str:
    return format_duration(to_ms(value, field))


def _write_positive_duration(value: Duration, field: str) -> str:
    return format_duration(parse_positive_duration(_write_duration(value, field), field))


def _write_moment(value: object, field: str) -> str:
    if not isinstance(value, datetime):
        raise InvalidField(field, value, "a datetime with a time zone")
    if value.tzinfo is None:
        raise InvalidField(field, value.isoformat(), "a datetime with a time zone, such as datetime.now(UTC)")
    return format_rfc3339((value - _EPOCH) // _MILLISECOND)


def _write_priority(value: object, field: str) -> int:
    low, high = PRIORITY_RANGE
    return _check_integer(value, field, low, high)


def _write_retries(value: object, field: str) -> int:
    return _check_integer(value, field, 0, 10_000)


def _check_integer(value: object, field: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidField(field, value, f"an integer from {low} to {high}")
    return value


def _write_retry(value: object, field: str) -> dict[str, Any]:
    if not isinstance(value, (Exponential, Fixed)):
        raise InvalidField(field, value, 'Exponential(...) or Fixed("30s")')
    policy = value.policy
    return {
        "curve": policy.curve,
        "base": format_duration(policy.base_ms),
        "factor": policy.factor,
        "max": format_duration(policy.max_ms),
        "jitter": policy.jitter,
    }


def _write_metadata(value: object, field: str) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(each, str) for pair in value.items() for each in pair):
        raise InvalidField(field, value, "a mapping of texts to texts")
    return dict(value)


def _write_text(value: object, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidField(field, value, "a text that is not empty")
    return value


def _write_queue(value: object, field: str) -> str:
    return check_queue_name(_write_text(value, field), field)


def _write_task_id(value: object, field: str) -> str:
    return check_task_id(_write_text(value, field), field)


_NAMES = {"retry": "retry_policy"}
"""Fields of a request with another name than their option."""
_FIELDS: dict[str, Callable[[Any, str], Any]] = {
    "queue": _write_queue,
    "priority": _write_priority,
    "delay": _write_duration,
    "process_at": _write_moment,
    "max_retries": _write_retries,
    "timeout": _write_positive_duration,
    "deadline": _write_moment,
    "retry": _write_retry,
    "unique": _write_positive_duration,
    "unique_key": _write_text,
    "task_id": _write_task_id,
    "metadata": _write_metadata,
    "retention": _write_duration,
}
