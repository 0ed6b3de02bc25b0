"""Waiting where nothing is asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from queuecore.testing.waiting import eventually


def wait_until(look: Callable[[], object], tell: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait until what is seen is true.

    Args:
        look: what is to become true.
        tell: what to say if it does not.
        within_s: how long it may take.

    Raises:
        AssertionError: it did not become true in time.
    """
    try:
        asyncio.run(eventually(look, within_s))
    except AssertionError as error:
        raise AssertionError(tell()) from error
