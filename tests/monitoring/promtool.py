"""Runner of promtool."""

from __future__ import annotations

import subprocess

from tests.monitoring.prometheus_server import find_binary

_TIMEOUT_S = 40


def promtool(*arguments: str, stdin: str = "") -> str:
    """Findings of promtool, empty if there are none; skips the test if it is not installed."""
    done = subprocess.run(
        [find_binary("promtool"), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    return "" if done.returncode == 0 and not done.stderr else done.stdout + done.stderr
