"""Object store of the API server stand-in: versions, generations, conflicts, finalizers and watches."""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tests.support.kubernetes.kinds import Kind
from tests.support.kubernetes.pool_schema import Cause

Object = dict[str, Any]

_KEPT = (
    "uid",
    "creationTimestamp",
    "generation",
    "name",
    "namespace",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
"""Metadata that clients cannot change."""


class Refusal(Exception):
    """A response other than 2xx."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        headers: dict[str, str] | None = None,
        details: Object | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.headers = status, reason, message, headers or {}
        self.details = details

    def body(self) -> Object:
        """The response, with the fields and their order of a real server."""
        body: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": self.message} | ({"reason": self.reason} if self.reason else {})
        return body | ({} if self.details is None else {"details": self.details}) | {"code": self.status}


class Key(NamedTuple):
    kind: Kind
    namespace: str
    name: str


def details_of(key: Key, *, title: bool = False, causes: list[Cause] | None = None) -> Object:
    """Details of a refusal about an object; ``title`` for its kind, which validation names, instead of its plural."""
    details = {"name": key.name, "group": key.kind.group, "kind": key.kind.kind if title else key.kind.plural}
    found: Object = {name: value for name, value in details.items() if value}
    if causes:
        found["causes"] = [
            {"reason": each.reason, "message": each.message, "field": each.field or "<nil>"} for each in causes
        ]
    return found


def invalid(key: Key, causes: list[Cause]) -> Refusal:
    """422 with the faults of an object."""
    text = str(causes[0]) if len(set(causes)) == 1 else f"[{', '.join(map(str, causes))}]"
    message = f'{key.kind.title} "{key.name}" is invalid: {text}'
    return Refusal(422, "Invalid", message, details=details_of(key, title=True, causes=causes))


class Change(NamedTuple):
    version: int
    type: str
    key: Key
    object: Object


class Objects:
    """All objects, with a change log for watches."""

    def __init__(self, log_length: int = 2000) -> None:
        self._objects: dict[Key, Object] = {}
        self._changes: deque[Change] = deque(maxlen=log_length)
        self._changed = asyncio.Condition()
        self._dropped = 0
        self.version = 1

    def get(self, key: Key) -> Object:
        try:
            return copy.deepcopy(self._objects[key])
        except KeyError:
            message = f'{key.kind.resource} "{key.name}" not found'
            raise Refusal(404, "NotFound", message, details=details_of(key)) from None

    def list(self, kind: Kind, namespace: str, labels: dict[str, str]) -> list[Object]:
        return [
            copy.deepcopy(each)
            for key, each in sorted(self._objects.items(), key=lambda item: item[0][1:])
            if _fits(key, each, kind, namespace, labels)
        ]

    async def create(self, key: Key, content: Object) -> Object:
        if key in self._objects:
            message = f'{key.kind.resource} "{key.name}" already exists'
            raise Refusal(409, "AlreadyExists", message, details=details_of(key))
        content = copy.deepcopy(content)
        content |= {"apiVersion": key.kind.api_version, "kind": key.kind.kind}
        metadata = content.setdefault("metadata", {})
        metadata |= {"name": key.name, "uid": str(uuid.uuid4())}
        if key.kind.plural not in ("events", "namespaces"):
            metadata["generation"] = 1
        metadata["creationTimestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if key.namespace:
            metadata["namespace"] = key.namespace
        if "status" in key.kind.subresources and key.kind.plural == "workerpools":
            content.pop("status", None)
        return await self._note("ADDED", key, content)

    async def replace(self, key: Key, content: Object, *, part: str = "") -> Object:
        """Replace an object; ``part`` is ``status`` for that subresource."""
        before = self.get(key)
        wanted = content.get("metadata", {}).get("resourceVersion")
        if wanted not in (None, "", before["metadata"]["resourceVersion"]):
            message = (
                f'Operation cannot be fulfilled on {key.kind.resource} "{key.name}": the object has been modified; '
                "please apply your changes to the latest version and try again"
            )
            raise Refusal(409, "Conflict", message, details=details_of(key))
        after = copy.deepcopy(before)
        if part == "status":
            after["status"] = content.get("status", {})
        else:
            after = copy.deepcopy(content)
            if "status" in key.kind.subresources:
                after.pop("status", None)
                after |= {name: before[name] for name in ("status",) if name in before}
            for name in _KEPT:
                if name in before["metadata"]:
                    after["metadata"][name] = before["metadata"][name]
            _check_finalizers(key, before, after)
            if after.get("spec") != before.get("spec"):
                after["metadata"]["generation"] = before["metadata"].get("generation", 1) + 1
        if _bare(after) == _bare(before):
            return before
        if after["metadata"].get("deletionTimestamp") and not after["metadata"].get("finalizers"):
            return await self._remove(key, after)
        return await self._note("MODIFIED", key, after)

    async def delete(self, key: Key) -> Object:
        found = self.get(key)
        if found["metadata"].get("finalizers"):
            found["metadata"]["deletionTimestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            found["metadata"] |= {"deletionGracePeriodSeconds": 0, "generation": found["metadata"]["generation"] + 1}
            return await self._note("MODIFIED", key, found)
        return await self._remove(key, found)

    async def watch(self, kind: Kind, namespace: str, since: int) -> AsyncIterator[Change]:
        """Changes after a version.

        Raises:
            Refusal: 410, because the change log has been compacted since.
        """
        if since < self._dropped:
            raise Refusal(410, "Expired", f"too old resource version: {since} ({self._dropped})")
        while True:
            seen = self.version
            for change in [each for each in self._changes if since < each.version <= seen]:
                if change.key.kind == kind and namespace in ("", change.key.namespace):
                    yield change
            since = seen
            async with self._changed:
                while self.version <= since:
                    await self._changed.wait()

    async def collect_garbage(self) -> None:
        """Delete objects whose owners are all gone, and the references to those that are gone, like a real cluster."""
        for key, found in list(self._objects.items()):
            owners = found["metadata"].get("ownerReferences", [])
            existing = [owner for owner in owners if self._has_owner(key, owner)]
            if owners and not existing:
                await self._remove(key, copy.deepcopy(found))
            elif existing != owners:
                changed = copy.deepcopy(found)
                changed["metadata"]["ownerReferences"] = existing
                await self._note("MODIFIED", key, changed)

    def compact(self) -> None:
        """Compact the change log: older watches get 410 and must list again."""
        self._changes.clear()
        self._dropped = self.version

    def _has_owner(self, key: Key, owner: Object) -> bool:
        """Whether an owner exists: it is in the namespace of its object, or cluster-wide."""
        wanted = (owner["apiVersion"], owner["kind"], owner["name"], owner["uid"])
        return any(
            (each.kind.api_version, each.kind.kind, each.name, found["metadata"]["uid"]) == wanted
            for each, found in self._objects.items()
            if each.namespace in ("", key.namespace)
        )

    async def _remove(self, key: Key, found: Object) -> Object:
        del self._objects[key]
        return await self._note("DELETED", key, found)

    async def _note(self, change: str, key: Key, content: Object) -> Object:
        self.version += 1
        content["metadata"]["resourceVersion"] = str(self.version)
        if change != "DELETED":
            self._objects[key] = content
        self._changes.append(Change(self.version, change, key, copy.deepcopy(content)))
        async with self._changed:
            self._changed.notify_all()
        return copy.deepcopy(content)


def merge(target: Any, patch: Any) -> Any:
    """Merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = copy.deepcopy(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


def parse_selector(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(",") if part)


def _check_finalizers(key: Key, before: Object, after: Object) -> None:
    if not after["metadata"].get("finalizers"):
        after["metadata"].pop("finalizers", None)
    new = sorted(set(after["metadata"].get("finalizers", ())) - set(before["metadata"].get("finalizers", ())))
    if new and "deletionTimestamp" in before["metadata"]:
        shown = ", ".join(f'"{each}"' for each in new)
        forbidden = "no new finalizers can be added if the object is being deleted, found new finalizers"
        cause = Cause("metadata.finalizers", f"Forbidden: {forbidden} []string{{{shown}}}", "FieldValueForbidden")
        raise invalid(key, [cause, cause])


def _fits(key: Key, content: Object, kind: Kind, namespace: str, labels: dict[str, str]) -> bool:
    if key.kind != kind or namespace not in ("", key.namespace):
        return False
    own = content["metadata"].get("labels") or {}
    return all(own.get(name) == value for name, value in labels.items())


def _bare(content: Object) -> Object:
    metadata = {name: value for name, value in content["metadata"].items() if name != "resourceVersion"}
    return {**content, "metadata": metadata}
