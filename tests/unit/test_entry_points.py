from __future__ import annotations

import subprocess
import sys

import pytest

SERVICES = ["queueapi", "queuescheduler", "queueworker", "queuecontroller", "queuestandalone"]


@pytest.mark.parametrize("package", SERVICES)
def test_entry_point_imports_the_standard_library_only_when_sigterm_has_no_handler_yet(package: str) -> None:
    code = f"import sys, {package}.__main__; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = {package, f"{package}.__main__", "queuecore", "queuecore.early_stop"}
    ours = {name for name in ran.stdout.split() if name.startswith("queue") and name != "queue"}
    assert ours == own
    assert not {"asyncio", "msgspec", "structlog", "typing"} & set(ran.stdout.split())
