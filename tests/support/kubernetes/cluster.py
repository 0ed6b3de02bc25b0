"""Kubernetes API under test: the in-memory stand-in, or a real cluster."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.kubernetes.background import Background
from tests.support.kubernetes.kube_api import ADMIN_TOKEN, CONTROLLER_TOKEN, KubeApi

ANY_IMAGE = "worker"
"""An image that is never started."""


class KubeServer(NamedTuple):
    """Access to the Kubernetes API under test."""

    url: str
    headers: dict[str, str]
    tls: ssl.SSLContext | bool
    kubeconfig: Path
    """Credentials of the controller."""
    background: Background
    stand_in: KubeApi | None
    """``None`` for a real cluster."""
    has_controllers: bool = False
    """The cluster runs the controllers that create pods of Deployments."""
    pod_image: str = ANY_IMAGE
    """Image of the pods of Deployments."""

    def need_stand_in(self) -> KubeApi:
        if self.stand_in is None:
            pytest.skip("a real API server cannot inject faults")
        return self.stand_in


def stand_in_cluster(background: Background, folder: Path, *, clusterwide: bool) -> KubeServer:
    api = background.call(lambda: KubeApi(clusterwide=clusterwide))
    url = background.serve(api.app())
    kubeconfig = write_kubeconfig(folder, url, CONTROLLER_TOKEN)
    return KubeServer(url, {"Authorization": f"Bearer {ADMIN_TOKEN}"}, True, kubeconfig, background, api)


@contextmanager
def running_stand_in(folder: Path, *, clusterwide: bool = False) -> Iterator[KubeServer]:
    background = Background()
    try:
        yield stand_in_cluster(background, folder, clusterwide=clusterwide)
    finally:
        background.stop()


def write_kubeconfig(folder: Path, url: str, token: str, *, insecure: bool = False) -> Path:
    """Write a kubeconfig for the controller."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "default"}}],
        "clusters": [{"name": "test", "cluster": {"server": url, "insecure-skip-tls-verify": insecure}}],
        "users": [{"name": "test", "user": {"token": token}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content))
    return path
