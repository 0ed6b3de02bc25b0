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
from tests.support.kubernetes.objects import Key, Object, Objects, Refusal, details_of, invalid, merge, parse_selector
from tests.support.kubernetes.open_api import describe_pools
from tests.support.kubernetes.permissions import Permission, declared_permissions, needed_permission
from tests.support.kubernetes.pool_schema import fill_defaults, find_faults, find_unknown, pool_schema
from tests.support.kubernetes.validation import check_object, check_scale

ADMIN_TOKEN = "admin"
CONTROLLER_TOKEN = "controller"
HOME = "default"
_SCALE_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")

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
            return web.json_response(refusal.body(), status=refusal.status, headers=refusal.headers)

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
            return web.Response(text="404 page not found\n", status=404)
        key = Key(kind, found["namespace"] or "", found["name"] or "")
        part = found["part"] or ""
        content = await self._read(request, kind)
        self._authorize(request, key, part, content)
        verbs: dict[str, Callable[[web.Request, Key, str, Any], Awaitable[web.StreamResponse]]] = {
            "GET": self._get,
            "POST": self._create,
            "PUT": self._put,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }
        return await verbs[request.method](request, key, part, content)

    async def _read(self, request: web.Request, kind: Kind) -> Any:
        text = await request.text()
        try:
            content = json.loads(text or "null")
        except ValueError:
            content = None
        if content is None and request.method in ("POST", "PUT", "PATCH"):
            problem = "couldn't get version/kind; json parse error: unexpected end of JSON input"
            message = (
                f"the object provided is unrecognized (must be of type {kind.kind}): {problem} ({text or '<empty>'})"
            )
            raise Refusal(400, "BadRequest", message)
        accepted = _accepted_types(request.method, kind)
        if accepted and request.content_type not in accepted:
            problem = "the body of the request was in an unknown format - accepted media types include"
            raise Refusal(415, "UnsupportedMediaType", f"{problem}: {', '.join(accepted)}")
        return content

    def _authorize(self, request: web.Request, key: Key, part: str, content: Any) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token == ADMIN_TOKEN:
            return
        if token != CONTROLLER_TOKEN:
            raise Refusal(401, "Unauthorized", "Unauthorized")
        watch = request.query.get("watch") in ("true", "1")
        permission = needed_permission(request.method, key.kind, name=key.name, part=part, watch=watch)
        if permission not in self.permissions or not (self._clusterwide or key.namespace == HOME):
            self.denied.append(permission)
            where = f' in the namespace "{key.namespace}"' if key.namespace else " at the cluster scope"
            message = (
                f'{key.kind.resource} is forbidden: User "{token}" cannot {permission.verb} resource '
                f'"{permission.resource}" in API group "{key.kind.group}"{where}'
            )
            raise Refusal(403, "Forbidden", message, details=details_of(key))
        for fault in self.faults:
            if fault.method == request.method and re.search(fault.path, request.path):
                raise fault.answer
        if request.method != "GET":
            self.calls.append(Call(request.method, request.path, content))

    async def _get(self, request: web.Request, key: Key, part: str, _: Any) -> web.StreamResponse:
        if key.name:
            found = self.objects.get(key)
            if part and part not in key.kind.subresources:
                message = f'{key.kind.resource} "{key.name}" not found'
                raise Refusal(404, "NotFound", message, details=details_of(key))
            return web.json_response(_scale(found) if part == "scale" else found)
        if request.query.get("watch") in ("true", "1"):
            return await self._watch(request, key)
        labels = parse_selector(request.query.get("labelSelector", ""))
        items = self.objects.list(key.kind, key.namespace, labels)
        field, _, value = request.query.get("fieldSelector", "").partition("=")
        if field not in ("", "metadata.name"):
            raise Refusal(400, "BadRequest", f"field label not supported: {field}")
        items = [each for each in items if not field or each["metadata"]["name"] == value]
        metadata = {"resourceVersion": str(self.objects.version)}
        content = {"kind": f"{key.kind.kind}List", "apiVersion": key.kind.api_version, "metadata": metadata}
        return web.json_response(content | {"items": items})

    async def _watch(self, request: web.Request, key: Key) -> web.StreamResponse:
        version = request.query.get("resourceVersion") or str(self.objects.version)
        if not version.isdecimal():
            problem = f'strconv.ParseUint: parsing "{version}": invalid syntax'
            raise Refusal(500, "", f'resourceVersion: Invalid value: "{version}": {problem}')
        since = int(version)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
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
            await _send(response, "ERROR", refusal.body())

    async def _create(self, request: web.Request, key: Key, _part: str, content: Any) -> web.StreamResponse:
        metadata = content.get("metadata", {})
        name = metadata.get("name") or metadata.get("generateName", "") + secrets.token_hex(3)
        key = key._replace(name=name)
        self._check_namespace(key)
        check_object(key, content)
        headers = self._check_unknown(request, key, content)
        if request.query.get("dryRun") == "All":
            return web.json_response(self._check(key, content), status=201, headers=headers)
        created = await self.objects.create(key, self._check(key, content))
        return web.json_response(created, status=201, headers=headers)

    def _check_namespace(self, key: Key) -> None:
        """Objects need their namespace; :data:`HOME` always exists."""
        if key.namespace not in ("", HOME):
            self.objects.get(Key(kinds.NAMESPACES, "", key.namespace))

    def _check_unknown(self, request: web.Request, key: Key, content: Object) -> dict[str, str]:
        """Headers with a warning of unknown fields; with ``fieldValidation=Strict`` they are an error."""
        if key.kind is not kinds.WORKER_POOLS or not self.checks_pools:
            return {}
        checked = {name: value for name, value in content.items() if name != "metadata"}
        unknown = [f'unknown field "{path}"' for path in find_unknown(self._schema, checked)]
        if unknown and request.query.get("fieldValidation") == "Strict":
            kind, version = key.kind.kind, key.kind.version
            problem = f'{kind} in version "{version}" cannot be handled as a {kind}: strict decoding error'
            raise Refusal(400, "BadRequest", f"{problem}: {', '.join(unknown)}")
        return {"Warning": f"299 - {json.dumps(', '.join(unknown))}"} if unknown else {}

    async def _put(self, _request: web.Request, key: Key, part: str, content: Any) -> web.StreamResponse:
        return web.json_response(await self._write(key, part, content))

    async def _patch(self, request: web.Request, key: Key, part: str, content: Any) -> web.StreamResponse:
        before = self.objects.get(key)
        subject = _scale(before) if part == "scale" else before
        if request.content_type == "application/json-patch+json":
            try:
                after = jsonpatch.apply_patch(subject, content)
            except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
                message = "the server rejected our request due to an error in our request"
                raise Refusal(422, "Invalid", message, details={}) from error
        else:
            after = merge(subject, content)
        headers = self._check_unknown(request, key, content) if isinstance(content, dict) else {}
        return web.json_response(await self._write(key, part, after), headers=headers)

    async def _write(self, key: Key, part: str, content: Object) -> Object:
        if part == "scale":
            deployment = self.objects.get(key)
            deployment["spec"]["replicas"] = content["spec"].get("replicas", 0)
            check_scale(key, deployment["spec"]["replicas"])
            deployment["metadata"]["resourceVersion"] = content["metadata"].get("resourceVersion")
            return _scale(await self.objects.replace(key, deployment))
        check_object(key, content, self.objects.get(key))
        return await self.objects.replace(key, self._check(key, content), part=part)

    async def _delete(self, _request: web.Request, key: Key, _part: str, _content: Any) -> web.StreamResponse:
        return web.json_response(await self.objects.delete(key))

    def _check(self, key: Key, content: Object) -> Object:
        if key.kind is not kinds.WORKER_POOLS or not self.checks_pools:
            return content
        checked = {**content, **fill_defaults(self._schema, {k: v for k, v in content.items() if k != "metadata"})}
        if faults := find_faults(self._schema, checked):
            raise invalid(key, faults)
        return checked


def _accepted_types(method: str, kind: Kind) -> list[str]:
    """Media types of a request's body; empty for a method without one."""
    if method in ("POST", "PUT"):
        return ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]
    if method == "PATCH":
        strategic = [] if "." in kind.group else ["application/strategic-merge-patch+json"]
        patches = ["application/json-patch+json", "application/merge-patch+json"]
        return [*patches, *strategic, "application/apply-patch+yaml"]
    return []


async def _send(response: web.StreamResponse, kind: str, content: Object) -> None:
    await response.write(json.dumps({"type": kind, "object": content}).encode() + b"\n")


def _scale(deployment: Object) -> Object:
    labels = deployment["spec"]["selector"]["matchLabels"]
    replicas = deployment["spec"].get("replicas", 1)
    metadata = deployment["metadata"]
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in _SCALE_METADATA},
        # A real server leaves out a zero.
        "spec": {"replicas": replicas} if replicas else {},
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
