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

_SINGLE_SERVER_ONLY = {
    # They count commands or calls of one server, which a Cluster spreads over its nodes.
    "test_lease_reads_one_by_one_when_the_queue_has_large_tasks",
    "test_search_finds_the_queues_of_an_id_in_two_round_trips_when_there_are_thousands",
}

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
        {
            name: each
            for name, each in vars(_module).items()
            if name == "worker" or (name.startswith("test_") and name not in _SINGLE_SERVER_ONLY)
        }
    )
