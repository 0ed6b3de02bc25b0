"""Bounded waiting in synchronous tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from queuecore.testing.waiting import eventually


def wait_until(condition: Callable[[], object], describe: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait until a condition holds.

    Args:
        condition: polled until it is true.
        describe: makes the message of the error.
        within_s: timeout.

    Raises:
        AssertionError: the condition did not hold in time.
    """
    try:
        asyncio.run(eventually(condition, within_s))
    except AssertionError as error:
        raise AssertionError(describe()) from error
