"""Client of the Kubernetes API: the few calls that the controller makes, with typed errors."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msgspec

from queuecontroller.errors import ClusterError, ClusterForbidden, ClusterUnavailable, ObjectConflict, ObjectNotFound
from queuecontroller.http_client import send

TIMEOUT_S = 10.0
_POOLS = "/apis/taskyard.dev/v1alpha1/namespaces/{}/workerpools"
_MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}

Object = dict[str, Any]


class Access(msgspec.Struct, frozen=True):
    """Address and credentials of the Kubernetes API."""

    server: str
    headers: Mapping[str, str]
    """Authentication headers."""
    tls: ssl.SSLContext | bool


class Cluster:
    """Calls the Kubernetes API.

    Args:
        login: returns address and credentials; called again after a 401, because tokens expire.
    """

    def __init__(self, login: Callable[[], Access]) -> None:
        self._login = login
        self._client: httpx.AsyncClient | None = None

    async def get_scale(self, namespace: str, deployment: str) -> Object:
        """The ``/scale`` subresource of a Deployment."""
        return await self._call("GET", f"{_deployment(namespace, deployment)}/scale")

    async def set_scale(self, namespace: str, deployment: str, replicas: int, resource_version: str) -> Object:
        """Set the replicas of a Deployment, with optimistic locking.

        Raises:
            ObjectConflict: it has another ``resource_version`` now.
        """
        patch = {"metadata": {"resourceVersion": resource_version}, "spec": {"replicas": replicas}}
        return await self._call("PATCH", f"{_deployment(namespace, deployment)}/scale", patch)

    async def get_deployment(self, namespace: str, name: str) -> Object:
        """A Deployment."""
        return await self._call("GET", _deployment(namespace, name))

    async def list_autoscalers(self, namespace: str) -> list[Object]:
        """The HorizontalPodAutoscalers of a namespace."""
        return await self._list(f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers")

    async def list_pods(self, namespace: str, selector: str) -> list[Object]:
        """The pods of a namespace that match a label selector."""
        return await self._list(f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": selector})

    async def annotate_pod(self, namespace: str, name: str, annotations: Mapping[str, str | None]) -> None:
        """Set annotations of a pod; ``None`` removes one."""
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        await self._call("PATCH", path, {"metadata": {"annotations": dict(annotations)}})

    async def get_pool(self, namespace: str, name: str) -> Object:
        """A WorkerPool."""
        return await self._call("GET", f"{_POOLS.format(namespace)}/{name}")

    async def set_pool_status(self, namespace: str, name: str, status: Object) -> None:
        """Merge ``status`` into the status of a WorkerPool; ``None`` removes a field."""
        await self._call("PATCH", f"{_POOLS.format(namespace)}/{name}/status", {"status": status})

    async def serves(self, path: str) -> bool:
        """Check if the API serves a path, such as that of a kind."""
        try:
            await self._call("GET", path)
        except ObjectNotFound:
            return False
        return True

    async def get_object(self, path: str) -> Object:
        """The object at a path."""
        return await self._call("GET", path)

    async def patch_object(self, path: str, patch: Object) -> None:
        """Merge ``patch`` into the object at a path.

        Raises:
            ObjectConflict: it has another ``resourceVersion`` than the patch.
        """
        await self._call("PATCH", path, patch)

    async def create(self, path: str, content: Object) -> None:
        """Create an object, unless one with its name exists."""
        try:
            await self._call("POST", path, content)
        except ObjectConflict:
            return

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _list(self, path: str, params: Mapping[str, str] | None = None) -> list[Object]:
        response = await self._call("GET", path, params=params)
        items: list[Object] = response.get("items") or []
        return items

    async def _call(
        self, method: str, path: str, content: Object | None = None, params: Mapping[str, str] | None = None
    ) -> Object:
        response = await self._send(method, path, content, params)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            await self.close()
            response = await self._send(method, path, content, params)
        if response.is_success:
            found: Object = msgspec.json.decode(response.content)
            return found
        raise _to_error(method, path, response)

    async def _send(
        self, method: str, path: str, content: Object | None, params: Mapping[str, str] | None
    ) -> httpx.Response:
        client = self._connect()
        headers = _MERGE_PATCH if method == "PATCH" else {"Content-Type": "application/json"}
        body = None if content is None else msgspec.json.encode(content)
        try:
            request = client.build_request(method, path, content=body, params=params, headers=headers)
            return await send(client, request)
        except httpx.HTTPError as error:
            raise ClusterUnavailable(f"{method} {path}: {str(error) or type(error).__name__}") from error

    def _connect(self) -> httpx.AsyncClient:
        if self._client is None:
            access = self._login()
            self._client = httpx.AsyncClient(
                base_url=access.server, headers=access.headers, verify=access.tls, timeout=TIMEOUT_S, trust_env=False
            )
        return self._client


def _deployment(namespace: str, name: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def _to_error(method: str, path: str, response: httpx.Response) -> ClusterError:
    message = f"{method} {path}: {response.status_code} {_message(response)}"
    match response.status_code:
        case 401 | 403:
            return ClusterForbidden(message)
        case 404:
            return ObjectNotFound(message)
        case 409:
            return ObjectConflict(message)
        case 429 | 500 | 502 | 503 | 504:
            return ClusterUnavailable(message, _retry_after_s(response))
    return ClusterError(message)


def _message(response: httpx.Response) -> str:
    try:
        return str(msgspec.json.decode(response.content)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return response.reason_phrase


def _retry_after_s(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0
