from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from queuecore.embedded import find_free_port
from tests.faults.services.starting_process import StartingProcess, skip_without_namespaces
from tests.support.service_process import service_environment
from tests.support.system import System

MAX_START_S = 2.5
"""Signals are sent until the service has started, at most so long: a busy machine takes longer."""

SERVICES = ["queueworker", "queuescheduler", "queuecontroller", "queueapi"]


@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform != "linux", reason="SIGTERM during start-up was not tested: that needs /proc")
@pytest.mark.parametrize("module", SERVICES)
async def test_container_ends_when_sigterm_arrives_at_any_time_of_its_start(
    system: System, tmp_path: Path, module: str
) -> None:
    skip_without_namespaces()
    await _terminate_at_each_time(system, tmp_path, module, step_s=0.1, as_pid_1=True)


@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform != "linux", reason="SIGTERM during start-up was not tested: that needs /proc")
@pytest.mark.parametrize("module", SERVICES)
async def test_process_ends_when_sigterm_arrives_at_any_time_of_its_start(
    system: System, tmp_path: Path, module: str
) -> None:
    await _terminate_at_each_time(system, tmp_path, module, step_s=0.5, as_pid_1=False)


async def _terminate_at_each_time(system: System, folder: Path, module: str, *, step_s: float, as_pid_1: bool) -> None:
    environ = service_environment(module, system.valkey.url) | _cluster_access(folder)
    started = False
    for step in range(round(MAX_START_S / step_s)):
        service = StartingProcess(module, folder / f"{step}.log", environ, as_pid_1=as_pid_1)
        try:
            await service.until_sigterm_is_handled()
            await asyncio.sleep(step * step_s)
            started = "_started" in service.log
            assert (step, await service.terminate()) == (step, 0), service.log
        finally:
            service.kill()
        assert "Traceback" not in service.log
        if started:
            break


def _cluster_access(folder: Path) -> dict[str, str]:
    """Variables with which the controller finds a Kubernetes API that refuses connections."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        f"""
apiVersion: v1
kind: Config
current-context: none
contexts: [{{name: none, context: {{cluster: none, user: none}}}}]
clusters: [{{name: none, cluster: {{server: "http://127.0.0.1:{find_free_port()}"}}}}]
users: [{{name: none, user: {{}}}}]
"""
    )
    return {"KUBECONFIG": str(kubeconfig)}
