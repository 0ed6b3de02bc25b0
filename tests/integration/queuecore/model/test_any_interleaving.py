from __future__ import annotations

import pytest

from queuecore.embedded import EmbeddedValkey
from tests.integration.queuecore.model.machine import compare_with_model


@pytest.mark.timeout(600)
def test_store_matches_the_model_after_any_interleaving(valkey: EmbeddedValkey) -> None:
    compare_with_model(valkey.url, examples=120)
