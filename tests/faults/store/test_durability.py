"""Durability across failovers; ``make durability-proof`` does the same with more posts and failovers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.durability.proof import prove
from tests.durability.topology import ClusterOfPairs, SentinelPair


@pytest.mark.parametrize("kind", [SentinelPair, ClusterOfPairs], ids=lambda kind: kind.name)
@pytest.mark.timeout(180)
async def test_every_task_answered_201_exists_after_failovers_when_a_replica_acknowledges(
    tmp_path: Path, kind: type[SentinelPair | ClusterOfPairs]
) -> None:
    async with kind(tmp_path) as topology:
        report = await prove(topology, failovers=1, posts=60, folder=tmp_path)
    assert len(report.kept.accepted) == 60
    assert report.kept.lost == set()
    assert "INTERNAL_ERROR" not in report.kept.refused + report.plain.refused
    # The test can find a loss: without acknowledgements the tasks that were held back are gone.
    assert report.plain.lost
