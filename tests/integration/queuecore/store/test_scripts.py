from __future__ import annotations

import pytest

from queuecore.store.scripts.header import Header
from queuecore.store.scripts.loader import load_headers, load_script
from queuecore.testing.store import TestStore


@pytest.mark.parametrize("header", load_headers(), ids=lambda header: header.script)
async def test_script_is_accepted_by_the_server(store: TestStore, header: Header) -> None:
    script = load_script(header.script)
    assert (await store.server.command("SCRIPT", "LOAD", script.source)) == script.sha.encode()
