from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.system import System


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    """A system with its own server; the test starts services as needed."""
    async with System(tmp_path) as made:
        yield made
