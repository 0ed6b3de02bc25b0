from __future__ import annotations

from collections.abc import Iterator

import pytest

from queuecore.embedded import EmbeddedValkey
from tests.integration.queuecore.servers.other_servers import OTHER_SERVERS


@pytest.fixture(scope="session", params=[each for each in OTHER_SERVERS if each.binary], ids=lambda each: each.name)
def valkey(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """Replaces the Valkey of all other tests."""
    with EmbeddedValkey(tmp_path_factory.mktemp("other-server"), binary=request.param.binary) as server:
        yield server
