from __future__ import annotations

import pytest

from queuecore.errors import StoreUnavailable
from queuecore.store.result import Result, map_result, partition, unwrap

ERROR = StoreUnavailable("down")


def test_unwrap_gives_the_value_or_raises_the_error() -> None:
    assert unwrap(1) == 1
    with pytest.raises(StoreUnavailable, match="down"):
        unwrap(ERROR)


def test_map_result_reads_values_only() -> None:
    assert map_result(b"1", int) == 1
    assert map_result(ERROR, int) is ERROR


def test_partition_keeps_subjects_and_order() -> None:
    results: list[Result[int]] = [1, ERROR, 3]
    assert partition(["a", "b", "c"], results) == ([("a", 1), ("c", 3)], [("b", ERROR)])


def test_partition_is_refused_when_results_are_missing() -> None:
    with pytest.raises(ValueError, match="shorter"):
        partition(["a", "b"], [1])
