"""The tests of the single server on a Cluster, with the ``store`` of this folder."""

from __future__ import annotations

from tests.integration.queuecore.store import (
    test_control,
    test_directory,
    test_enqueue,
    test_entry,
    test_keyspace,
    test_lease,
    test_maintenance,
    test_reader,
    test_settlement,
    test_transitions,
)

for _module in (
    test_control,
    test_enqueue,
    test_entry,
    test_reader,
    test_keyspace,
    test_lease,
    test_directory,
    test_settlement,
    test_transitions,
    test_maintenance,
):
    globals().update(
        {name: each for name, each in vars(_module).items() if name.startswith("test_") or name == "worker"}
    )
