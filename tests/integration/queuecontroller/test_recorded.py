"""Replays what a real Kubernetes 1.36 answered against the stand-in for its API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.kubernetes.cluster import KubeServer, running_stand_in
from tests.support.kubernetes.kube_api import ADMIN_TOKEN, CONTROLLER_TOKEN

Exchange = dict[str, Any]

EXCHANGES: list[Exchange] = [
    json.loads(line) for line in (Path(__file__).parent / "apiserver-1.36.jsonl").read_text().splitlines()
]

# The definition has changed on purpose since the recording: these fields have defaults now, or other messages.
CHANGED = {"pool no target", "pool no metrics", "pool empty metrics", "pool both metrics"}

# The controller needs none of it, so the stand-in does not serve it.
OUTSIDE_PREFIXES = ("lease ", "token", "access ", "discovery ", "namespace delete", "create in a terminating")
OUTSIDE = {
    "pool list": "no pages",
    "list bad continue": "no pages",
    "list bad labelSelector": "no selectors but equality",
    "list as table": "no tables; columns changed",
    "watch from a resourceVersion": "no end of a watch; tests of dropped watches cover it",
    "watch from 0": "no end of a watch",
    "watch from a future resourceVersion": "no end of a watch",
    "watch from an expired resourceVersion": "no end of a watch; tests of compacted watches cover it",
    "watch list with initial events": "no initial events",
    "scale text": "the message quotes an encoder",
    "pod spec through status is ignored": "no strategic merge of lists",
    "pod spec immutable": "the message quotes a difference",
    "eviction refused": "no evictions",
    "pod graceful delete": "no kubelet",
    "pod forced delete": "no kubelet",
    "anonymous": "no anonymous user",
    "create forbidden": "no access reviews",
    "not acceptable": "the recording lacks the header",
    "version": "another version",
}
VOLATILE = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "managedFields"}
USER = "system:serviceaccount:taskyard:shop"


def is_replayed(exchange: Exchange) -> bool:
    name = exchange["name"]
    return name not in CHANGED and name not in OUTSIDE and not name.startswith(OUTSIDE_PREFIXES)


REPLAYED = [each for each in EXCHANGES if is_replayed(each)]


class Replay:
    """Sends the recorded requests in their order, with the stand-in's resource versions for the recorded ones."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._versions: dict[str, str] = {}

    def send(self, exchange: Exchange) -> httpx.Response:
        request = exchange["request"]
        path, body = request["path"], request.get("body")
        if exchange["name"] == "delete with a finalizer":
            self._merge(path, {"metadata": {"finalizers": ["taskyard.dev/test"], "labels": {"seen": "1"}}})
        if isinstance(body, dict) and "resourceVersion" in body.get("metadata", {}):
            known = self._versions.get(body["metadata"]["resourceVersion"]) or self._current(path)
            self._versions[body["metadata"]["resourceVersion"]] = known
            body = {**body, "metadata": {**body["metadata"], "resourceVersion": known}}
        token = {"token": CONTROLLER_TOKEN, None: ADMIN_TOKEN}[request.get("as")]
        token = "other" if exchange["response"]["status"] == 401 else token
        headers = {"Authorization": f"Bearer {token}"}
        if request.get("content_type"):
            headers["Content-Type"] = request["content_type"]
        text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
        response = self._client.request(request["method"], path, content=text, headers=headers)
        self._learn(exchange["response"]["body"], response)
        return response

    def _learn(self, recorded: Any, response: httpx.Response) -> None:
        if response.is_success and isinstance(recorded, dict):
            version = recorded.get("metadata", {}).get("resourceVersion")
            if version:
                self._versions[version] = response.json()["metadata"].get("resourceVersion", "")

    def _current(self, path: str) -> str:
        return str(self._admin("GET", path).json()["metadata"]["resourceVersion"])

    def _merge(self, path: str, patch: Exchange) -> None:
        self._admin("PATCH", path, patch).raise_for_status()

    def _admin(self, method: str, path: str, content: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/merge-patch+json"}
        return self._client.request(method, path, json=content, headers=headers)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    with running_stand_in(tmp_path_factory.mktemp("recorded")) as running:
        yield running


@pytest.fixture(scope="module")
def responses(server: KubeServer) -> dict[str, httpx.Response]:
    """Responses of the stand-in by the names of their exchanges."""
    with httpx.Client(base_url=server.url, timeout=10) as client:
        replay = Replay(client)
        return {each["name"]: replay.send(each) for each in REPLAYED}


@pytest.mark.parametrize("exchange", REPLAYED, ids=[each["name"] for each in REPLAYED])
def test_stand_in_answers_as_a_real_server(responses: dict[str, httpx.Response], exchange: Exchange) -> None:
    recorded, response = exchange["response"], responses[exchange["name"]]
    generated = exchange["request"].get("body") and "generateName" in json.dumps(exchange["request"].get("body"))

    assert response.status_code == recorded["status"], response.text
    assert response.headers.get("Warning") == recorded.get("headers", {}).get("Warning")
    if isinstance(recorded["body"], str):
        assert response.text == recorded["body"]
    elif recorded["body"]["kind"] == "Status":
        text = response.text.replace(f'\\"{CONTROLLER_TOKEN}\\"', f'\\"{USER}\\"')
        text = text.replace(response.json().get("details", {}).get("name", "-") if generated else "-", "NAME")
        wanted = json.dumps(recorded["body"])
        wanted = wanted.replace(recorded["body"].get("details", {}).get("name", "-") if generated else "-", "NAME")
        assert json.loads(text) == json.loads(wanted)
    else:
        found = response.json()
        assert _differences(found, recorded["body"], "name" if generated else "") == []
        if found["kind"] == "WorkerPool":
            assert found["spec"] == recorded["body"]["spec"]


def test_every_exception_is_recorded() -> None:
    names = {each["name"] for each in EXCHANGES}

    assert len(EXCHANGES) == len(names) == 105
    assert CHANGED | OUTSIDE.keys() <= names


def _differences(found: Any, recorded: Any, also_volatile: str, path: str = "") -> list[str]:
    """Paths of what the stand-in answers and a real server does not."""
    if isinstance(found, dict) and isinstance(recorded, dict):
        names = found.keys() - VOLATILE - {also_volatile}
        return [
            each
            for name in sorted(names)
            for each in (
                _differences(found[name], recorded[name], also_volatile, f"{path}.{name}")
                if name in recorded
                else [f"{path}.{name}"]
            )
        ]
    if isinstance(found, list) and isinstance(recorded, list) and len(found) == len(recorded):
        pairs = enumerate(zip(found, recorded, strict=True))
        return [each for number, (a, b) in pairs for each in _differences(a, b, also_volatile, f"{path}[{number}]")]
    return [] if found == recorded else [f"{path}: {found!r} instead of {recorded!r}"]
