"""Rendering the chart with a real Helm."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.chart.manifests import Manifests

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "taskyard"
CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
POOLS_KNOWN = "taskyard.dev/v1alpha1/WorkerPool"
_TIMEOUT_S = 20


class RenderingFailed(Exception):
    """Helm failed; the message is its output."""


class Helm:
    """One Helm.

    Args:
        binary: where it is.
        home: a folder of its own, so that nothing of the machine's user is read or written.
    """

    def __init__(self, binary: Path, home: Path) -> None:
        self._binary = binary
        self._environ = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(home / "none")}
        self._rendered: dict[tuple[str, ...], str] = {}

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Run a command and return its output.

        Raises:
            RenderingFailed: it ended with an error.
        """
        done = subprocess.run(
            [self._binary, *arguments],
            input=stdin,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise RenderingFailed(done.stderr + done.stdout)
        return done.stdout

    def render(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        files: Sequence[Path] = (),
        release: str = "taskyard",
        namespace: str = "queues",
        api_versions: Sequence[str] = (POOLS_KNOWN,),
        chart: Path = CHART,
    ) -> Manifests:
        """Manifests of the release, including hooks and tests."""
        arguments = ["template", release, str(chart), "--namespace", namespace]
        arguments += [f"--api-versions={each}" for each in api_versions]
        arguments += [f"--values={each}" for each in files]
        text = yaml.safe_dump(dict(values)) if values else ""
        key = (*arguments, text)
        if key not in self._rendered:
            self._rendered[key] = self.run(*arguments, *(["--values=-"] if text else []), stdin=text)
        return Manifests.read(self._rendered[key])
