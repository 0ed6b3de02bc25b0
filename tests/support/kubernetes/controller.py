"""The controller as a process beside a Kubernetes API, with short intervals."""

from __future__ import annotations

import os
import secrets
from contextlib import AbstractContextManager
from pathlib import Path

from tests.support.service_process import ServiceProcess, running

_SHORT_INTERVALS = {
    "TASKYARD_CONTROLLER_INTERVAL": "100ms",
    "TASKYARD_CONTROLLER_DELETION_COST_WAIT": "50ms",
    "TASKYARD_CONTROLLER_PEERING_LIFETIME": "2s",
}


RUN = f"taskyard-test-{os.environ.get('PYTEST_XDIST_TESTRUNUID') or secrets.token_hex(4)}"
"""Leader election of this test run, the same in its workers: no controller that a killed run has left leads it."""


def running_controller(kubeconfig: Path, log_path: Path, **environ: str) -> AbstractContextManager[ServiceProcess]:
    """A started controller, killed at the end."""
    return running(
        "queuecontroller",
        "",
        log_path,
        KUBECONFIG=str(kubeconfig),
        **({"TASKYARD_CONTROLLER_PEERING": RUN} | _SHORT_INTERVALS | environ),
    )
