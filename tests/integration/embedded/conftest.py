from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from queuecore.embedded import EmbeddedValkey


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path / "valkey", append_only=True) as running:
        yield running
        running.resume()
