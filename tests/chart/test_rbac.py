from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from queuecontroller.cluster.client import Access, Cluster
from queuecontroller.handlers.pools import GROUP, PLURAL, VERSION
from tests.chart.helm import CHART, Helm
from tests.chart.manifests import Manifest, environment

Permission = tuple[str, str, str]
"""Group, resource with its subresource, verb."""

# Requests of kopf itself, in addition to those of the controller's code.
OF_KOPF: set[Permission] = {
    (GROUP, PLURAL, "list"),
    (GROUP, PLURAL, "watch"),
    (GROUP, f"{PLURAL}/status", "patch"),
    ("", "events", "create"),
    ("kopf.dev", "kopfpeerings", "get"),
    ("kopf.dev", "kopfpeerings", "list"),
    ("kopf.dev", "kopfpeerings", "watch"),
    ("kopf.dev", "kopfpeerings", "patch"),
}
# Not a request: who may delete an object may change its owners.
OF_ADMISSION: set[Permission] = {("kopf.dev", "kopfpeerings", "delete")}
RBAC = "rbac.authorization.k8s.io"
_PATH = re.compile(
    r"(/api/v1|/apis/(?P<group>[^/]+)/[^/]+)(/namespaces/[^/]+)?/(?P<resource>[a-z]+)(/(?P<name>[^/]+))?(/(?P<sub>[a-z]+))?"
)
_VERBS = {"PATCH": "patch", "POST": "create"}


def permission_for(request: httpx.Request) -> Permission:
    found = _PATH.fullmatch(request.url.path)
    assert found, request.url.path
    verb = _VERBS.get(request.method) or ("get" if found["name"] else "list")
    resource = f"{found['resource']}/{found['sub']}" if found["sub"] else found["resource"]
    return found["group"] or "", resource, verb


async def permissions_of_our_calls() -> set[Permission]:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"items": []})

    class Recorded(Cluster):
        def _connect(self) -> httpx.AsyncClient:
            return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://kubernetes")

    cluster = Recorded(lambda: Access("http://kubernetes", {}, tls=False))
    calls: dict[str, tuple[Any, ...]] = {
        "get_scale": ("n", "d"),
        "set_scale": ("n", "d", 1, "1"),
        "get_deployment": ("n", "d"),
        "list_autoscalers": ("n",),
        "list_pods": ("n", "a=b"),
        "annotate_pod": ("n", "p", {}),
        "get_pool": ("n", "w"),
        "set_pool_status": ("n", "w", {}),
        "serves": (f"/apis/{GROUP}/{VERSION}/namespaces/n/{PLURAL}",),
        "get_object": (f"/apis/{RBAC}/v1/namespaces/n/roles/r",),
        "patch_object": ("/apis/kopf.dev/v1/namespaces/n/kopfpeerings/p", {}),
        "create": ("/apis/kopf.dev/v1/namespaces/n/kopfpeerings", {}),
    }
    public = {name for name in vars(Cluster) if not name.startswith("_")} - {"close"}
    assert public == calls.keys(), "a call of the Kubernetes API that this test does not know"
    for name, arguments in calls.items():
        await getattr(cluster, name)(*arguments)
    return {permission_for(each) for each in asked}


def granted(role: Manifest) -> list[Permission]:
    return [
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


async def test_role_covers_exactly_what_the_controller_calls(helm: Helm) -> None:
    (role,) = helm.render().of_kind("Role")
    wanted = await permissions_of_our_calls() | OF_KOPF | OF_ADMISSION
    assert set(granted(role)) == wanted
    assert len(granted(role)) == len(wanted)


async def test_cluster_wide_role_differs_by_its_kind_only(helm: Helm) -> None:
    manifests = helm.render({"controller": {"scope": "cluster"}}, namespace="here")
    (role,) = (each for each in manifests.of_kind("ClusterRole") if not each["metadata"]["name"].startswith("workerp"))
    wanted = await permissions_of_our_calls() | OF_KOPF | OF_ADMISSION
    found = granted(role)
    assert {(group, re.sub("^cluster", "", each), verb) for group, each, verb in found} == wanted
    assert {each for group, each, _ in found if group in (RBAC, "kopf.dev")} == {"clusterroles", "clusterkopfpeerings"}
    (binding,) = manifests.of_kind("ClusterRoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == "here-taskyard-controller"
    assert manifests.of_kind("Role", "RoleBinding") == []


@pytest.mark.parametrize("scope", ["namespace", "cluster"])
def test_controller_reads_its_own_role_alone(helm: Helm, scope: str) -> None:
    manifests = helm.render({"controller": {"scope": scope}}, namespace="here")
    (role,) = (each for each in manifests.of_kind("Role", "ClusterRole") if "controller" in each["metadata"]["name"])
    (rule,) = (rule for rule in role["rules"] if rule["apiGroups"] == [RBAC])
    assert rule["resourceNames"] == [role["metadata"]["name"]]
    found = environment(manifests.get("Deployment", "taskyard-controller"))
    assert found["TASKYARD_CONTROLLER_ROLE"] == role["metadata"]["name"]


def test_role_is_bound_to_the_account_of_the_controller_alone(helm: Helm) -> None:
    manifests = helm.render({"controller": {"serviceAccount": {"name": "own"}}}, namespace="here")
    (role,) = manifests.of_kind("Role")
    (binding,) = manifests.of_kind("RoleBinding")
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": role["metadata"]["name"],
    }
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "own", "namespace": "here"}]
    deployment = manifests.get("Deployment", "taskyard-controller")
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "own"


def test_there_is_no_role_without_a_controller(helm: Helm) -> None:
    manifests = helm.render({"controller": {"enabled": False}})
    assert manifests.of_kind("Role", "RoleBinding", "ClusterRoleBinding") == []


def test_people_see_and_edit_pools_by_the_roles_they_have(helm: Helm) -> None:
    roles = {each["metadata"]["name"]: each for each in helm.render().of_kind("ClusterRole")}
    view, edit = (roles[f"{PLURAL}.{GROUP}:{each}"] for each in ("view", "edit"))
    assert {verb for _, _, verb in granted(view)} == {"get", "list", "watch"}
    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert {verb for _, resource, verb in granted(edit) if resource == PLURAL} >= {"create", "patch", "delete"}
    for role in ("edit", "admin"):
        assert edit["metadata"]["labels"][f"rbac.authorization.k8s.io/aggregate-to-{role}"] == "true"


@pytest.mark.parametrize("kind", ["kopfpeerings", "workerpools"])
def test_kinds_that_the_controller_needs_are_defined(helm: Helm, kind: str) -> None:
    assert kind in {each["spec"]["names"]["plural"] for each in helm.render().of_kind("CustomResourceDefinition")}


def test_every_rule_says_what_it_is_for() -> None:
    lines = Path(CHART / "files" / "rbac" / "controller.yaml").read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("- apiGroups")]
    assert len(starts) == len(yaml.safe_load("\n".join(lines)))
    assert all(lines[number - 1].startswith("# ") for number in starts)
