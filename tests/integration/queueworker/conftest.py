from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from queuecore.embedded import EmbeddedValkey
from tests.support.service_process import ServiceProcess, running

SHARED = "shared"
"""The queue of the worker that most tests share; tests with workers of their own use others."""

StartService = Callable[..., ServiceProcess]


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A server that only these tests use, because their scheduler and worker would run the tasks of others."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey"), append_only=False) as server:
        yield server


@pytest.fixture(scope="session")
def scheduler(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with running("queuescheduler", valkey.url, tmp_path_factory.mktemp("scheduler") / "log") as started:
        yield started


@pytest.fixture(scope="session")
def worker(
    valkey: EmbeddedValkey, scheduler: ServiceProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """A worker with leases so long that no test depends on their renewal."""
    assert scheduler.process.poll() is None
    log = tmp_path_factory.mktemp("worker") / "log"
    with running("queueworker", valkey.url, log, **worker_variables(SHARED), TASKYARD_WORKER_LEASE="1h") as started:
        yield started


@pytest.fixture
def start_worker(valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[StartService]:
    """Start workers on the queue ``default`` with the shortest leases, and kill them after the test."""
    with ExitStack() as stack:

        def start(store_url: str = valkey.url, **environ: str) -> ServiceProcess:
            log = tmp_path / f"worker-{len(list(tmp_path.glob('worker-*')))}.log"
            variables = {**worker_variables("default"), "TASKYARD_WORKER_LEASE": "1s", **environ}
            return stack.enter_context(running("queueworker", store_url, log, **variables))

        yield start


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The file that waiting handlers wait for."""
    return tmp_path / "gate"


@pytest.fixture
def lasting_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A durable server that the test starts and may kill."""
    server = EmbeddedValkey(tmp_path / "valkey", append_only=True, config={"appendfsync": "always"})
    yield server
    server.kill()


def worker_variables(queue: str) -> dict[str, str]:
    return {
        "TASKYARD_WORKER_APPS": "tests.integration.queueworker.handlers",
        "TASKYARD_WORKER_QUEUES": queue,
        "TASKYARD_WORKER_SLOTS": "20",
        "TASKYARD_WORKER_PROCESSES": "1",
    }
