from __future__ import annotations

import pytest

from queuecontroller.cluster.client import Access, Cluster, Object
from queuecontroller.conflict import Claim, check_conflicts
from queuecontroller.errors import TargetConflict
from queuecontroller.plan.spec import TargetRef

TARGET = TargetRef(name="worker")
OWN = Claim("2027-01-15T08:00:00Z", "b", "own")


class FakeCluster(Cluster):
    def __init__(self, *targets: tuple[str, str]) -> None:
        super().__init__(lambda: Access("http://kubernetes", {}, tls=False))
        self._targets = targets

    async def list_autoscalers(self, namespace: str) -> list[Object]:
        return [
            {
                "metadata": {"name": "hpa", "namespace": namespace},
                "spec": {"scaleTargetRef": {"kind": kind, "name": name}},
            }
            for kind, name in self._targets
        ]


async def test_pool_has_no_conflict_when_it_is_the_oldest() -> None:
    younger = Claim("2027-01-15T08:00:01Z", "a", "younger")
    cluster = FakeCluster(("Deployment", "other"), ("StatefulSet", "worker"))

    await check_conflicts(cluster, "default", TARGET, OWN, [OWN, younger])


@pytest.mark.parametrize(
    "claim",
    [Claim("2027-01-15T07:59:59Z", "c", "rival"), Claim("2027-01-15T08:00:00Z", "a", "rival")],
    ids=["older", "same-second"],
)
async def test_pool_has_a_conflict_when_another_claim_is_smaller(claim: Claim) -> None:
    with pytest.raises(TargetConflict, match="already scaled by the older WorkerPool rival") as conflict:
        await check_conflicts(FakeCluster(), "default", TARGET, OWN, [claim])

    assert conflict.value.reason == "TargetClaimed"


async def test_pool_has_a_conflict_when_an_autoscaler_has_its_target() -> None:
    with pytest.raises(TargetConflict, match="HorizontalPodAutoscaler hpa") as conflict:
        await check_conflicts(FakeCluster(("Deployment", "worker")), "default", TARGET, OWN, [])

    assert conflict.value.reason == "TargetHasAutoscaler"
