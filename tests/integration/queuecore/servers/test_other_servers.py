"""The tests of the store on all other supported servers."""

from __future__ import annotations

import pytest

from tests.integration.queuecore.model import test_late_settles
from tests.integration.queuecore.servers.other_servers import OTHER_SERVERS, OtherServer
from tests.integration.queuecore.store import (
    test_control,
    test_directory,
    test_enqueue,
    test_entry,
    test_late_lease,
    test_lease,
    test_limits,
    test_maintenance,
    test_notifications,
    test_reader,
    test_scripts,
    test_server,
    test_settlement,
    test_transitions,
)

if any(server.binary for server in OTHER_SERVERS):
    for _module in (
        test_late_settles,
        test_control,
        test_enqueue,
        test_entry,
        test_reader,
        test_late_lease,
        test_lease,
        test_directory,
        test_limits,
        test_scripts,
        test_server,
        test_settlement,
        test_notifications,
        test_transitions,
        test_maintenance,
    ):
        globals().update(
            {name: each for name, each in vars(_module).items() if name.startswith("test_") or name == "worker"}
        )


@pytest.mark.parametrize("server", OTHER_SERVERS, ids=lambda server: server.name)
def test_server_is_there(server: OtherServer) -> None:
    if server.binary is None:
        pytest.skip(f"nothing was tested on {server.name}: install {server.source}")
    assert server.binary.is_file()
