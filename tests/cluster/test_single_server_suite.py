"""Whatever holds on a single server holds on a Cluster: the same tests, with this folder's ``store``."""

from __future__ import annotations

from tests.integration.queuecore.store import (
    test_control,
    test_enqueue,
    test_entry,
    test_inspect,
    test_lease,
    test_registry,
    test_settle,
    test_transitions,
    test_upkeep,
)

for _module in (
    test_control,
    test_enqueue,
    test_entry,
    test_inspect,
    test_lease,
    test_registry,
    test_settle,
    test_transitions,
    test_upkeep,
):
    globals().update(
        {name: each for name, each in vars(_module).items() if name.startswith("test_") or name == "worker"}
    )
