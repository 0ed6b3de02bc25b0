from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from queuecore.errors import ConfigError, TaskyardError
from queuecore.testing.waiting import eventually
from queuestandalone.backoff import RestartBackoff
from queuestandalone.process_spec import ProcessSpec
from queuestandalone.supervisor import Supervisor

_RUN = "import signal; signal.pause()"
_CRASH = "raise SystemExit(3)"
_STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); open('up', 'w'); signal.pause()"
)
_STOPS_AT_SECOND_SIGNAL = """
import signal
seen = []
signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
open('up', 'w')
while len(seen) < 2:
    signal.pause()
"""

MakeSupervisor = Callable[..., Supervisor]


@pytest.fixture
async def supervise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeSupervisor]:
    monkeypatch.chdir(tmp_path)
    made: list[Supervisor] = []

    def make(
        script: str,
        *,
        name: str = "child",
        problems: list[str | None] | None = None,
        fatal_error: Callable[[int], TaskyardError | None] = lambda _: None,
    ) -> Supervisor:
        remaining = problems or [None]

        async def check_readiness() -> str | None:
            return remaining.pop(0) if len(remaining) > 1 else remaining[0]

        spec = ProcessSpec(
            name=name,
            command=[sys.executable, "-c", script],
            environ=os.environ,
            pid_path=tmp_path / f"{name}.pid",
            check_readiness=check_readiness,
            fatal_error=fatal_error,
        )
        made.append(Supervisor(spec, RestartBackoff(lambda: 1.0, initial_s=0.01)))
        return made[-1]

    yield make
    for each in made:
        await each.stop(grace_s=0)


def _pid(tmp_path: Path, other_than: int = 0) -> int:
    path = tmp_path / "child.pid"
    pid = int(path.read_text()) if path.exists() else 0
    return pid if pid != other_than else 0


async def test_process_is_restarted_when_it_is_killed(supervise: MakeSupervisor, tmp_path: Path) -> None:
    supervise(_RUN).start()
    first = await eventually(lambda: _pid(tmp_path))

    os.kill(first, signal.SIGKILL)

    second = await eventually(lambda: _pid(tmp_path, other_than=first))
    os.kill(second, 0)


async def test_process_is_restarted_when_it_crashes_at_each_start(supervise: MakeSupervisor, tmp_path: Path) -> None:
    supervise("import os; open(f'started-{os.getpid()}', 'w'); raise SystemExit(3)").start()

    await eventually(lambda: len(list(tmp_path.glob("started-*"))) >= 4)


async def test_other_processes_keep_running_when_one_exits(supervise: MakeSupervisor, tmp_path: Path) -> None:
    supervise(_RUN).start()
    supervise(_RUN, name="other").start()
    first = await eventually(lambda: _pid(tmp_path))
    other = int((await eventually((tmp_path / "other.pid").read_text)).strip())

    os.kill(first, signal.SIGKILL)
    await eventually(lambda: _pid(tmp_path, other_than=first))

    assert int((tmp_path / "other.pid").read_text()) == other


async def test_supervisor_raises_when_the_first_start_fails_for_good(supervise: MakeSupervisor) -> None:
    task = supervise(_CRASH, fatal_error=lambda code: ConfigError(f"it ended with {code}")).start()

    with pytest.raises(ConfigError, match="it ended with 3"):
        await task


async def test_supervisor_restarts_a_process_when_it_was_ready_before(
    supervise: MakeSupervisor, tmp_path: Path
) -> None:
    supervisor = supervise(_RUN, fatal_error=lambda code: ConfigError(f"it ended with {code}"))
    supervisor.start()
    first = await eventually(lambda: _pid(tmp_path))
    await supervisor.wait_until_ready()

    os.kill(first, signal.SIGKILL)

    assert await eventually(lambda: _pid(tmp_path, other_than=first))


async def test_wait_until_ready_polls_when_the_process_is_not_ready(supervise: MakeSupervisor) -> None:
    problems = ["it loads", "it loads", None]

    await supervise(_RUN, problems=problems).wait_until_ready()

    assert problems == [None]


async def test_stop_removes_the_pid_file_when_the_process_ends(supervise: MakeSupervisor, tmp_path: Path) -> None:
    supervisor = supervise(_RUN)
    task = supervisor.start()
    pid = await eventually(lambda: _pid(tmp_path))

    await supervisor.stop(grace_s=10)

    assert task.done()
    assert not (tmp_path / "child.pid").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_stop_kills_the_process_when_the_grace_period_ends(supervise: MakeSupervisor, tmp_path: Path) -> None:
    supervisor = supervise(_STUBBORN)
    task = supervisor.start()
    await eventually((tmp_path / "up").exists)

    await supervisor.stop(grace_s=0.1)

    assert task.done()


async def test_stop_ends_the_supervisor_when_a_restart_is_pending(supervise: MakeSupervisor, tmp_path: Path) -> None:
    supervisor = supervise("open('up', 'w')")
    task = supervisor.start()
    await eventually((tmp_path / "up").exists)

    await supervisor.stop(grace_s=10)

    assert task.done()


async def test_stop_ends_the_process_when_it_is_starting(supervise: MakeSupervisor) -> None:
    supervisor = supervise(_RUN)
    task = supervisor.start()

    await supervisor.stop(grace_s=10)

    assert task.done()


async def test_force_stop_signals_again_when_the_process_is_stopping(supervise: MakeSupervisor, tmp_path: Path) -> None:
    supervisor = supervise(_STOPS_AT_SECOND_SIGNAL)
    supervisor.start()
    await eventually((tmp_path / "up").exists)
    stopping = asyncio.create_task(supervisor.stop(grace_s=30))
    await eventually(supervisor._stopping.is_set)

    supervisor.force_stop()

    await asyncio.wait_for(stopping, 10)
