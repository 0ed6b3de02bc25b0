"""Type registry: the task types that workers have registered, and payload validation against their schemas."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import jsonschema_rs
import msgspec
import structlog

from queueapi.errors import ApiError, cut, shorten
from queuecore.errors import StoreError

MIN_REFRESH_INTERVAL_S = 0.25
"""A task of an unknown type causes a refresh, but no more often than this."""

_PROBLEM_LENGTH = 300
"""Characters of a schema's complaint, which may repeat a part of the payload."""

UNREGISTERED_LABEL = "unregistered"

log = structlog.get_logger()


class _RegisteredType(NamedTuple):
    schema: bytes
    validator: jsonschema_rs.Draft202012Validator | None
    """``None`` when any object is valid."""


class TypeRegistry:
    """A copy of the store's task types, refreshed in intervals and when a task has an unknown type.

    Args:
        read_types: reads all types with their schemas from the store.
        reject_unknown: whether tasks of unregistered types are refused.
    """

    def __init__(self, read_types: Callable[[], Awaitable[Mapping[str, bytes]]], *, reject_unknown: bool) -> None:
        self._read_types = read_types
        self._reject_unknown = reject_unknown
        self._types: dict[str, _RegisteredType] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self._refreshed_at_s = float("-inf")

    @property
    def schemas(self) -> dict[str, bytes]:
        """All registered types with their schemas as JSON, sorted by name."""
        return {name: self._types[name].schema for name in sorted(self._types)}

    def accepts(self, task_type: str) -> bool:
        """Whether tasks of this type are accepted. A type may have been registered since the last refresh."""
        return task_type in self._types or not self._reject_unknown

    def validate(self, task_type: str, payload: object) -> None:
        """Check that the type is accepted, and the payload against the type's schema.

        Raises:
            ApiError: the type is unknown, or its schema does not allow the payload.
        """
        registered = self._types.get(task_type)
        if registered is None:
            if self._reject_unknown:
                raise _unknown_type(task_type)
        elif registered.validator is not None and not registered.validator.is_valid(payload):
            raise _schema_violation(task_type, registered.validator, payload)

    def metric_label(self, task_type: str) -> str:
        """The type's label in metrics. Unregistered types share one: callers could create any number of series."""
        return task_type if task_type in self._types else UNREGISTERED_LABEL

    async def refresh(self) -> None:
        """Read the types from the store. Concurrent callers share one read.

        Raises:
            StoreError: the store failed.
        """
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())
        await asyncio.shield(self._refreshing)

    async def run(self, interval_s: float) -> None:
        """Refresh until cancelled. During an outage of the store the last copy stays in use."""
        while True:
            try:
                await self.refresh()
            except StoreError as error:
                log.warning("type_refresh_failed", error=str(error))
            await asyncio.sleep(interval_s)

    async def _refresh(self) -> None:
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(max(0.0, self._refreshed_at_s + MIN_REFRESH_INTERVAL_S - clock()))
        self._refreshed_at_s = clock()
        schemas = await self._read_types()
        self._types = {name: self._compiled(name, schema) for name, schema in schemas.items()}

    def _compiled(self, name: str, schema: bytes) -> _RegisteredType:
        registered = self._types.get(name)
        if registered is not None and registered.schema == schema:
            return registered
        return _RegisteredType(schema, _compile(name, schema))


def _compile(name: str, schema: bytes) -> jsonschema_rs.Draft202012Validator | None:
    """The schema's validator; ``None`` for a null or unusable schema."""
    try:
        parsed = msgspec.json.decode(schema)
        # offline: workers write schemas, and a schema must not make the API fetch anything.
        return None if parsed is None else jsonschema_rs.Draft202012Validator(parsed, offline=True)
    except (msgspec.DecodeError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        log.warning("schema_unusable", type=name, error=str(error))
        return None


def _unknown_type(task_type: str) -> ApiError:
    return ApiError(
        400,
        "INVALID_TASK_TYPE",
        f"type: no worker has registered the type {shorten(task_type)}",
        {"field": "type", "got": shorten(task_type), "expected": "a registered type; see GET /api/v1/types"},
    )


def _schema_violation(task_type: str, validator: jsonschema_rs.Draft202012Validator, payload: object) -> ApiError:
    error = next(iter(validator.iter_errors(payload)))
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    field, problem = cut(f"payload{path}"), cut(error.message, _PROBLEM_LENGTH)
    return ApiError(
        400,
        "INVALID_PAYLOAD",
        f"{field}: {problem} (the schema of type {task_type})",
        {
            "field": field,
            "got": shorten(error.instance),
            "expected": f"what the schema of {task_type} allows: {problem}",
        },
    )
