"""Stand-in for the Kubernetes API: an in-memory API server over real HTTP.

It has lists, watches (from a version, with 410 Gone), optimistic locking, generations, subresources, `/scale`, label
selectors, merge and JSON patches, finalizers, the WorkerPool's schema, and RBAC for one user. It runs no controllers of
Deployments: see ``replica_sets.py``.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import jsonpatch
from aiohttp import web

from tests.support.kubernetes import kinds
from tests.support.kubernetes.kinds import Kind
from tests.support.kubernetes.objects import Key, Object, Objects, Refusal, merge, parse_selector
from tests.support.kubernetes.open_api import describe_pools
from tests.support.kubernetes.permissions import Permission, declared_permissions, needed_permission
from tests.support.kubernetes.pool_schema import fill_defaults, find_faults, pool_schema

ADMIN_TOKEN = "admin"
CONTROLLER_TOKEN = "controller"
HOME = "default"

_PATH = re.compile(
    r"(?P<root>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<namespace>[^/]+)(?=/[^/]))?"
    r"/(?P<plural>[^/]+)(/(?P<name>[^/]+)(/(?P<part>[^/]+))?)?"
)


class Fault(NamedTuple):
    """An injected error response, for the controller only."""

    method: str
    path: str
    """A regular expression."""
    answer: Refusal


class Call(NamedTuple):
    method: str
    path: str
    content: Any


class KubeApi:
    """The server. Call its methods from its own event loop.

    Args:
        clusterwide: whether the controller has a ClusterRole; else it has a Role in :data:`HOME`.
    """

    def __init__(self, *, clusterwide: bool) -> None:
        self.objects = Objects()
        self.permissions = declared_permissions(clusterwide=clusterwide)
        self._clusterwide = clusterwide
        self.faults: list[Fault] = []
        self.hidden: set[Kind] = set()
        """Kinds whose CustomResourceDefinition is not installed."""
        self._unavailable = False
        self.denied: list[Permission] = []
        self.calls: list[Call] = []
        """Write requests of the controller."""
        self.checks_pools = True
        """Pools are validated; ``False`` simulates an edited CustomResourceDefinition."""
        self._schema = pool_schema()
        self._watches: set[asyncio.Task[Any]] = set()
        self._discovery = _describe_apis()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        return app

    def shut_down(self) -> None:
        """Respond to every request with 503 from now on."""
        self._unavailable = True

    def drop_watches(self) -> int:
        """Close every watch, like a restarted API server."""
        for watch in list(self._watches):
            watch.cancel()
        return len(self._watches)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._route(request)
        except Refusal as refusal:
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": refusal.status}
            status |= {"reason": refusal.reason, "message": refusal.message}
            return web.json_response(status, status=refusal.status, headers=refusal.headers)

    async def _route(self, request: web.Request) -> web.StreamResponse:
        if self._unavailable:
            raise Refusal(503, "ServiceUnavailable", "the server is shutting down")
        if request.path in self._discovery:
            return web.json_response(self._discovery[request.path])
        found = _PATH.fullmatch(request.path)
        kind = found and next(
            (each for each in kinds.ALL if (each.root, each.plural) == (found["root"], found["plural"])), None
        )
        if not found or not kind or kind in self.hidden:
            raise Refusal(404, "NotFound", f"the server could not find the requested resource {request.path}")
        key = Key(kind, found["namespace"] or "", found["name"] or "")
        part = found["part"] or ""
        content = await self._read(request)
        self._authorize(request, key, part, content)
        verbs: dict[str, Callable[[web.Request, Key, str, Any], Awaitable[web.StreamResponse]]] = {
            "GET": self._get,
            "POST": self._create,
            "PUT": self._put,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }
        return await verbs[request.method](request, key, part, content)

    async def _read(self, request: web.Request) -> Any:
        return json.loads(await request.text() or "null")

    def _authorize(self, request: web.Request, key: Key, part: str, content: Any) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token == ADMIN_TOKEN:
            return
        if token != CONTROLLER_TOKEN:
            raise Refusal(401, "Unauthorized", "Unauthorized")
        watch = request.query.get("watch") == "true"
        permission = needed_permission(request.method, key.kind, name=key.name, part=part, watch=watch)
        if permission not in self.permissions or not (self._clusterwide or key.namespace == HOME):
            self.denied.append(permission)
            raise Refusal(403, "Forbidden", f"cannot {permission.verb} {permission.resource} in {key.namespace}")
        for fault in self.faults:
            if fault.method == request.method and re.search(fault.path, request.path):
                raise fault.answer
        if request.method != "GET":
            self.calls.append(Call(request.method, request.path, content))

    async def _get(self, request: web.Request, key: Key, part: str, _: Any) -> web.StreamResponse:
        if key.name:
            found = self.objects.get(key)
            return web.json_response(_scale(found) if part == "scale" else found)
        if request.query.get("watch") == "true":
            return await self._watch(request, key)
        labels = parse_selector(request.query.get("labelSelector", ""))
        items = self.objects.list(key.kind, key.namespace, labels)
        metadata = {"resourceVersion": str(self.objects.version)}
        content = {"kind": f"{key.kind.kind}List", "apiVersion": key.kind.api_version, "metadata": metadata}
        return web.json_response(content | {"items": items})

    async def _watch(self, request: web.Request, key: Key) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        since = int(request.query.get("resourceVersion") or self.objects.version)
        watch = asyncio.ensure_future(self._stream(response, key, since))
        self._watches.add(watch)
        try:
            await watch
        except (asyncio.CancelledError, ConnectionResetError):
            watch.cancel()
        finally:
            self._watches.discard(watch)
        if request.transport is not None:
            request.transport.close()
        return response

    async def _stream(self, response: web.StreamResponse, key: Key, since: int) -> None:
        try:
            async for change in self.objects.watch(key.kind, key.namespace, since):
                await _send(response, change.type, change.object)
        except Refusal as refusal:
            await _send(response, "ERROR", {"kind": "Status", "code": refusal.status, "message": refusal.message})

    async def _create(self, _request: web.Request, key: Key, _part: str, content: Any) -> web.StreamResponse:
        metadata = content.get("metadata", {})
        name = metadata.get("name") or metadata.pop("generateName", "") + secrets.token_hex(3)
        content = self._check(key.kind, content)
        return web.json_response(await self.objects.create(key._replace(name=name), content), status=201)

    async def _put(self, _request: web.Request, key: Key, part: str, content: Any) -> web.StreamResponse:
        return web.json_response(await self._write(key, part, content))

    async def _patch(self, request: web.Request, key: Key, part: str, content: Any) -> web.StreamResponse:
        before = self.objects.get(key)
        subject = _scale(before) if part == "scale" else before
        if request.content_type == "application/json-patch+json":
            try:
                after = jsonpatch.apply_patch(subject, content)
            except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
                raise Refusal(422, "Invalid", str(error)) from None
        else:
            after = merge(subject, content)
        return web.json_response(await self._write(key, part, after))

    async def _write(self, key: Key, part: str, content: Object) -> Object:
        if part == "scale":
            deployment = self.objects.get(key)
            deployment["spec"]["replicas"] = content["spec"]["replicas"]
            deployment["metadata"]["resourceVersion"] = content["metadata"].get("resourceVersion")
            return _scale(await self.objects.replace(key, deployment))
        return await self.objects.replace(key, self._check(key.kind, content), part=part)

    async def _delete(self, _request: web.Request, key: Key, _part: str, _content: Any) -> web.StreamResponse:
        return web.json_response(await self.objects.delete(key))

    def _check(self, kind: Kind, content: Object) -> Object:
        if kind is not kinds.WORKER_POOLS or not self.checks_pools:
            return content
        checked = {**content, **fill_defaults(self._schema, {k: v for k, v in content.items() if k != "metadata"})}
        if faults := find_faults(self._schema, checked):
            raise Refusal(422, "Invalid", "; ".join(faults))
        return checked


async def _send(response: web.StreamResponse, kind: str, content: Object) -> None:
    await response.write(json.dumps({"type": kind, "object": content}).encode() + b"\n")


def _scale(deployment: Object) -> Object:
    labels = deployment["spec"]["selector"]["matchLabels"]
    metadata = deployment["metadata"]
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in ("name", "namespace", "uid", "resourceVersion")},
        "spec": {"replicas": deployment["spec"].get("replicas", 1)},
        "status": {
            "replicas": deployment.get("status", {}).get("replicas", 0),
            "selector": ",".join(f"{name}={value}" for name, value in labels.items()),
        },
    }


def _describe_apis() -> dict[str, Any]:
    """Path -> discovery document."""
    groups = sorted({(each.group, each.version) for each in kinds.ALL if each.group})
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for group, version in groups]
    listed = [
        {"name": group, "versions": [each], "preferredVersion": each}
        for (group, _), each in zip(groups, versions, strict=True)
    ]
    answers: dict[str, Any] = {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed},
    }
    for kind in kinds.ALL:
        answer = answers.setdefault(
            kind.root, {"kind": "APIResourceList", "groupVersion": kind.api_version, "resources": []}
        )
        answer["resources"] += kind.describe()
    return answers | describe_pools()
