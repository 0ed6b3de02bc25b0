from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.system import System


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    """A server of the test's own; the test starts the services that it needs."""
    async with System(tmp_path) as made:
        yield made
