from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from queuecore.embedded import EmbeddedValkey
from tests.support.service_process import ServiceProcess, running

StartScheduler = Callable[..., ServiceProcess]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A durable server that the test may kill."""
    with EmbeddedValkey(tmp_path / "valkey", append_only=True, config={"appendfsync": "always"}) as server:
        yield server


@pytest.fixture
def start_scheduler(valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[StartScheduler]:
    """Start schedulers and kill them after the test."""
    with ExitStack() as stack:

        def start(**environ: str) -> ServiceProcess:
            log = tmp_path / f"scheduler-{len(list(tmp_path.glob('scheduler-*')))}.log"
            return stack.enter_context(running("queuescheduler", valkey.url, log, **environ))

        yield start
