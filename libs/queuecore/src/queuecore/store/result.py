"""Results of batched store calls: each is a value, or the error with which its call failed.

A batch never raises for one of its calls: the others may have succeeded. The functions below separate
values from errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

from queuecore.errors import StoreError

T = TypeVar("T")
Subject = TypeVar("Subject")

Result: TypeAlias = T | StoreError
"""The outcome of one call of a batch."""


def unwrap(result: Result[T]) -> T:
    """The value.

    Raises:
        StoreError: the result is this error.
    """
    if isinstance(result, StoreError):
        raise result
    return result


def map_result(result: Result[Any], read: Callable[[Any], Result[T]]) -> Result[T]:
    """The result of ``read`` for a value; an error stays as it is."""
    return result if isinstance(result, StoreError) else read(result)


def partition(
    subjects: Iterable[Subject], results: Iterable[Result[T]]
) -> tuple[list[tuple[Subject, T]], list[tuple[Subject, StoreError]]]:
    """Split the results of a batch.

    Args:
        subjects: what each call was about, such as its queue.
        results: one per subject, in the same order.

    Returns:
        The values and the errors, each with its subject, in order.
    """
    values: list[tuple[Subject, T]] = []
    errors: list[tuple[Subject, StoreError]] = []
    for subject, result in zip(subjects, results, strict=True):
        if isinstance(result, StoreError):
            errors.append((subject, result))
        else:
            values.append((subject, result))
    return values, errors
