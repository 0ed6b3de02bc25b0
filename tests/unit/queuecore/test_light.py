from __future__ import annotations

import subprocess
import sys
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement

NO_EXTRA = {"extra": ""}
IMPORT_ALL = """
import importlib, pkgutil, sys

class OnlyBase:
    allowed = {"msgspec", "queuecore"} | set(sys.stdlib_module_names)

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in self.allowed:
            raise ModuleNotFoundError(f"{name} is not in the base install", name=name)

sys.meta_path.insert(0, OnlyBase())
top = importlib.import_module(sys.argv[1])
print(top.__name__)
for each in pkgutil.walk_packages(getattr(top, "__path__", []), top.__name__ + "."):
    print(importlib.import_module(each.name).__name__)
"""


@pytest.mark.parametrize(
    ("package", "member"),
    [
        ("queuecore.errors", "queuecore.errors"),
        ("queuecore.domain", "queuecore.domain.task"),
        ("queuecore.wire", "queuecore.wire.envelope"),
    ],
)
def test_package_is_importable_when_the_extras_are_not_installed(package: str, member: str) -> None:
    ran = _import_all(package)
    assert not ran.returncode, ran.stderr
    assert member in ran.stdout.split()


def test_check_of_imports_fails_when_a_package_needs_an_extra() -> None:
    ran = _import_all("queuecore.store")
    assert ran.returncode
    assert "is not in the base install" in ran.stderr


def test_base_install_requires_msgspec_only_when_no_extra_is_named() -> None:
    declared = map(Requirement, requires("taskyard-core") or ())
    base = [each.name for each in declared if each.marker is None or each.marker.evaluate(NO_EXTRA)]
    assert base == ["msgspec"]


def _import_all(package: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", IMPORT_ALL, package]
    return subprocess.run(command, check=False, capture_output=True, text=True)
