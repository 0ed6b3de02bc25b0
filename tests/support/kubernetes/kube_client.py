"""Test client of the Kubernetes API, for the stand-in and for a real cluster."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.kubernetes import kinds
from tests.support.kubernetes.kinds import Kind

Object = dict[str, Any]


class NotFound(AssertionError):
    pass


class KubeClient:
    """Reads and writes objects of one namespace."""

    def __init__(self, client: httpx.AsyncClient, namespace: str) -> None:
        self._client = client
        self.namespace = namespace

    async def create(self, kind: Kind, content: Object) -> Object:
        return await self._call("POST", self.path(kind), {"apiVersion": kind.api_version, "kind": kind.kind, **content})

    async def get(self, kind: Kind, name: str) -> Object:
        return await self._call("GET", self.path(kind, name))

    async def list(self, kind: Kind, selector: str = "") -> list[Object]:
        answer = await self._call("GET", f"{self.path(kind)}?labelSelector={selector}")
        items: list[Object] = answer["items"]
        return items

    async def patch(self, kind: Kind, name: str, content: Object, part: str = "") -> Object:
        return await self._call("PATCH", self.path(kind, name) + (f"/{part}" if part else ""), content)

    async def delete(self, kind: Kind, name: str) -> None:
        await self._call("DELETE", self.path(kind, name))

    async def try_create(self, kind: Kind, content: Object) -> httpx.Response:
        return await self._client.post(
            self.path(kind), json={"apiVersion": kind.api_version, "kind": kind.kind, **content}
        )

    async def create_namespace(self) -> None:
        content = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self._call("POST", kinds.NAMESPACES.root + "/namespaces", content)

    async def delete_namespace(self) -> None:
        await self._call("DELETE", f"{kinds.NAMESPACES.root}/namespaces/{self.namespace}")

    def path(self, kind: Kind, name: str = "") -> str:
        scope = f"/namespaces/{self.namespace}" if kind.namespaced else ""
        return f"{kind.root}{scope}/{kind.plural}" + (f"/{name}" if name else "")

    async def _call(self, method: str, path: str, content: Any = None) -> Object:
        merge = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
        answer = await self._client.request(method, path, json=content, headers=merge)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFound(f"{method} {path}: {answer.text}")
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        found: Object = answer.json()
        return found
