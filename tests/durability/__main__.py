"""Proof of durability across failovers: ``python -m tests.durability [posts [failovers [seed]]]``.

Runs on loopback, with its own servers and its own API, for Sentinel and then for a Cluster.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.durability.proof import Report, prove
from tests.durability.topology import ClusterOfPairs, SentinelPair

DEFAULT_POSTS = 10_000
DEFAULT_FAILOVERS = 20


def main() -> None:
    """Run the command; exit code 1 when a task was lost."""
    arguments = argparse.ArgumentParser(prog="python -m tests.durability", description="Posts through failovers.")
    arguments.add_argument("posts", type=int, nargs="?", default=DEFAULT_POSTS)
    arguments.add_argument("failovers", type=int, nargs="?", default=DEFAULT_FAILOVERS)
    arguments.add_argument("seed", type=int, nargs="?", default=random.SystemRandom().randrange(2**32))
    given = arguments.parse_args()
    print(f"{given.posts} posts, {given.failovers} failovers, seed {given.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="taskyard-durability-"))
    reports = asyncio.run(_prove_all(folder, given.posts, given.failovers, given.seed))
    if any(report.kept.lost for report in reports):
        sys.exit(f"tasks were lost; logs are in {folder}")
    shutil.rmtree(folder)


async def _prove_all(folder: Path, posts: int, failovers: int, seed: int) -> list[Report]:
    reports = []
    for kind in (SentinelPair, ClusterOfPairs):
        own = folder / kind.name
        own.mkdir()
        async with kind(own) as topology:
            report = await prove(topology, failovers, posts // failovers, own, seed)
        print("\n".join(report.lines()), flush=True)
        reports.append(report)
    return reports


if __name__ == "__main__":
    main()
