from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from taskyard.client.batch import AsyncBatch, Batch


async def no_handles() -> AsyncIterator[Any]:
    handles: list[Any] = []
    for each in handles:
        yield each


def test_batch_that_nobody_reads_causes_a_warning() -> None:
    with pytest.warns(RuntimeWarning, match="no task was enqueued"):
        Batch(iter([]))
    with pytest.warns(RuntimeWarning, match="no task was enqueued"):
        AsyncBatch(no_handles())


async def test_batch_is_sent_when_it_is_read() -> None:
    handles: list[Any] = ["a", "b"]
    assert list(Batch(iter(handles))) == handles
    assert Batch(iter(handles)).send_all() == 2
    assert await AsyncBatch(no_handles()).send_all() == 0
    assert [each async for each in AsyncBatch(no_handles())] == []
