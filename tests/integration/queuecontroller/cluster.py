"""The Kubernetes API that the tests run against: the stand-in, or a real cluster."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import kopf
import pytest

from tests.integration.queuecontroller.background import Background
from tests.integration.queuecontroller.kube_api import ADMIN_TOKEN, CONTROLLER_TOKEN, KubeApi


class KubeServer(NamedTuple):
    """How to reach it."""

    url: str
    headers: dict[str, str]
    tls: ssl.SSLContext | bool
    kubeconfig: Path
    """For the controller."""
    background: Background
    stand_in: KubeApi | None
    """``None`` for a real one."""

    def need_stand_in(self) -> KubeApi:
        if self.stand_in is None:
            pytest.skip("a real API server cannot be told to fail")
        return self.stand_in


def stand_in_cluster(background: Background, folder: Path, *, clusterwide: bool) -> KubeServer:
    api = background.call(lambda: KubeApi(clusterwide=clusterwide))
    url = background.serve(api.app())
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(_kubeconfig(url)))
    return KubeServer(url, {"Authorization": f"Bearer {ADMIN_TOKEN}"}, True, kubeconfig, background, api)


def real_cluster(background: Background, kubeconfig: Path) -> KubeServer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(kubeconfig))
        info = kopf.login_with_kubeconfig(settings=kopf.OperatorSettings())
    assert info is not None
    return KubeServer(info.server, info.as_http_headers(), info.as_ssl_context(), kubeconfig, background, None)


@contextmanager
def running_stand_in(folder: Path, *, clusterwide: bool = False) -> Iterator[KubeServer]:
    background = Background()
    try:
        yield stand_in_cluster(background, folder, clusterwide=clusterwide)
    finally:
        background.stop()


def _kubeconfig(url: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "default"}}],
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {"token": CONTROLLER_TOKEN}}],
    }
