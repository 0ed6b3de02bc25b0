"""Real API server for the tests: an existing cluster, or the binaries of envtest.

The controller gets its own user there, with only the declared rules.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import kopf
import pytest
import yaml

from queuecore.embedded import find_free_port
from tests.support.kubernetes.background import Background
from tests.support.kubernetes.cluster import KubeServer, write_kubeconfig
from tests.support.kubernetes.permissions import load_rules

CRDS = Path(__file__).parents[3] / "charts/taskyard/files/crds"
HOME = "taskyard-test"
USER = "taskyard-test-controller"
START_S = 60.0
IMAGE_VARIABLE = "TASKYARD_TEST_POD_IMAGE"
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_RBAC = "/apis/rbac.authorization.k8s.io/v1"


def running_cluster(background: Background, kubeconfig: Path, folder: Path) -> KubeServer:
    """The cluster of a kubeconfig. The tests apply their CRDs, namespace, user and rules to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(kubeconfig))
        info = kopf.login_with_kubeconfig(settings=kopf.OperatorSettings())
    assert info is not None, f"{kubeconfig} does not exist"
    headers, tls = info.as_http_headers(), info.as_ssl_context()
    with httpx.Client(base_url=info.server, headers=headers, verify=tls, timeout=30) as client:
        image = os.environ.get(IMAGE_VARIABLE) or find_pause_image(
            client.get("/api/v1/nodes").raise_for_status().json()
        )
        _prepare(client, {"kind": "ServiceAccount", "name": USER, "namespace": HOME})
        _apply(client, f"/api/v1/namespaces/{HOME}/serviceaccounts", "v1", "ServiceAccount", USER)
        answer = client.post(f"/api/v1/namespaces/{HOME}/serviceaccounts/{USER}/token", json={"spec": {}})
        token = answer.raise_for_status().json()["status"]["token"]
    mine = write_kubeconfig(folder, info.server, token, insecure=True)
    return KubeServer(info.server, headers, tls, mine, background, None, has_controllers=True, pod_image=image)


def find_pause_image(nodes: dict[str, Any]) -> str:
    """The pause image that every node has already, because the kubelet starts each pod with it.

    Args:
        nodes: the list of nodes.
    """
    shared: set[str] = set.intersection(
        *({name for image in node["status"]["images"] for name in image["names"]} for node in nodes["items"])
    )
    found = sorted(name for name in shared if re.search(r"/pause:[^/@]+$", name))
    assert found, f"no pause image is on all nodes: name an image that runs until it is stopped in {IMAGE_VARIABLE}"
    return found[-1]


@contextmanager
def envtest_cluster(background: Background, assets: Path, folder: Path) -> Iterator[KubeServer]:
    """An API server and an etcd from the folder that ``KUBEBUILDER_ASSETS`` names; no controllers run there."""
    client_port, peer_port, port = (find_free_port() for _ in range(3))
    store = f"http://127.0.0.1:{client_port}"
    with ExitStack() as stack:
        log = stack.enter_context((folder / "envtest.log").open("wb"))
        for command in (_etcd(assets, folder, store, peer_port), _api_server(assets, folder, store, port)):
            process = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield _envtest_server(background, f"https://127.0.0.1:{port}", folder)


def _etcd(assets: Path, folder: Path, store: str, peer_port: int) -> list[str]:
    return [
        str(assets / "etcd"),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={store}",
        f"--advertise-client-urls={store}",
        f"--listen-peer-urls=http://127.0.0.1:{peer_port}",
    ]


def _api_server(assets: Path, folder: Path, store: str, port: int) -> list[str]:
    tokens, key, openssl = folder / "tokens.csv", folder / "sa.key", shutil.which("openssl")
    tokens.write_text(f'admin,admin,1,"system:masters"\n{USER},{USER},2\n')
    assert openssl, "envtest needs openssl"
    subprocess.run([openssl, "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    return [
        str(assets / "kube-apiserver"),
        f"--etcd-servers={store}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        f"--token-auth-file={tokens}",
        "--authorization-mode=RBAC",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://taskyard.test",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--disable-admission-plugins=ServiceAccount",
    ]


def _envtest_server(background: Background, url: str, folder: Path) -> KubeServer:
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    headers = {"Authorization": "Bearer admin"}
    with httpx.Client(base_url=url, headers=headers, verify=tls, timeout=30) as client:
        _wait_until(client, "/readyz")
        _prepare(client, {"kind": "User", "name": USER, "apiGroup": "rbac.authorization.k8s.io"})
    mine = write_kubeconfig(folder, url, USER, insecure=True)
    return KubeServer(url, headers, tls, mine, background, None, has_controllers=False)


def _wait_until(client: httpx.Client, path: str) -> None:
    """Wait until the API server serves a path."""
    give_up_at = time.monotonic() + START_S
    while not _serves(client, path):
        assert time.monotonic() < give_up_at, f"the API server does not serve {path}; see envtest.log where it is ours"
        time.sleep(0.2)


def _serves(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).is_success
    except httpx.TransportError:
        return False


def _prepare(client: httpx.Client, subject: dict[str, str]) -> None:
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for path in CRDS.glob("*.yaml"):
        crd = yaml.safe_load(path.read_text())
        _apply(client, crds, crd["apiVersion"], crd["kind"], crd["metadata"]["name"], spec=crd["spec"])
        # A kind is served shortly after its definition was accepted.
        spec = crd["spec"]
        _wait_until(client, f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}")
    _apply(client, "/api/v1/namespaces", "v1", "Namespace", HOME)
    rules = load_rules(clusterwide=True, role=USER)
    version = "rbac.authorization.k8s.io/v1"
    _apply(client, f"{_RBAC}/clusterroles", version, "ClusterRole", USER, rules=rules)
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": USER}
    bindings = f"{_RBAC}/clusterrolebindings"
    _apply(client, bindings, version, "ClusterRoleBinding", USER, roleRef=role, subjects=[subject])


def _apply(client: httpx.Client, path: str, version: str, kind: str, name: str, **content: Any) -> None:
    applied = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **content}
    query = "?fieldManager=taskyard-tests&force=true"
    client.patch(f"{path}/{name}{query}", content=json.dumps(applied), headers=_APPLY).raise_for_status()
