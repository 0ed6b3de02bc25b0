from __future__ import annotations

from typing import Any

import pytest

from tests.support.kubernetes.controller import RUN
from tests.support.kubernetes.real_cluster import IMAGE_VARIABLE, find_pause_image


def node(*names: str) -> dict[str, Any]:
    return {"status": {"images": [{"names": [f"{name}@sha256:0", name]} for name in names]}}


def test_pods_of_tests_use_the_pause_image_when_every_node_has_it() -> None:
    nodes = {"items": [node("host/pause:3.9", "host/pause:3.10", "host/etcd:3"), node("host/pause:3.10")]}

    assert find_pause_image(nodes) == "host/pause:3.10"


def test_image_must_be_named_when_no_pause_image_is_on_all_nodes() -> None:
    with pytest.raises(AssertionError, match=IMAGE_VARIABLE):
        find_pause_image({"items": [node("host/pause:3.9"), node("host/pause:3.10")]})


def test_leader_election_differs_from_that_of_a_deployed_controller() -> None:
    assert RUN.startswith("taskyard-test-")
