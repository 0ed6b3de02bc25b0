from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.services.yard import Yard


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    """A server of the test's own; the test starts the services that it needs."""
    async with Yard(tmp_path) as made:
        yield made
