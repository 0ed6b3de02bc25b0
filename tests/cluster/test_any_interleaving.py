from __future__ import annotations

import pytest

from queuecore.testing.cluster import ValkeyCluster
from tests.integration.queuecore.model.machine import compare_with_model


@pytest.mark.timeout(600)
def test_store_matches_the_model_after_any_interleaving_on_three_nodes(cluster: ValkeyCluster) -> None:
    compare_with_model(cluster.url, examples=15)
