"""The task types that workers have registered, and the check of payloads against their schemas."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

import jsonschema_rs
import msgspec
import structlog

from queueapi.errors import ApiError, shorten
from queuecore.errors import StoreError

LEAST_INTERVAL_S = 0.25
"""Tasks of unknown types make the registry be read again, but not more often than this."""

UNREGISTERED_LABEL = "unregistered"

log = structlog.get_logger()


class _Known(NamedTuple):
    schema: bytes
    validator: jsonschema_rs.Draft202012Validator | None
    """``None`` where any object will do."""


class TaskTypes:
    """Knows the registered types.

    Args:
        read_types: reads all types with their schemas from the store.
        reject_unknown: whether tasks of other types are refused.
    """

    def __init__(self, read_types: Callable[[], Awaitable[Mapping[str, bytes]]], *, reject_unknown: bool) -> None:
        self._read_types = read_types
        self._reject_unknown = reject_unknown
        self._known: dict[str, _Known] = {}
        self._reading: asyncio.Task[None] | None = None
        self._read_at_s = float("-inf")

    def __contains__(self, task_type: str) -> bool:
        return task_type in self._known

    @property
    def schemas(self) -> dict[str, bytes]:
        """All known types with their schemas as JSON."""
        return {name: self._known[name].schema for name in sorted(self._known)}

    async def learn(self, task_types: Iterable[str]) -> None:
        """Read the types again if one of these is not known and would be refused.

        Raises:
            StoreError: the store did not answer.
        """
        if self._reject_unknown and any(task_type not in self._known for task_type in task_types):
            await self.refresh()

    def check(self, task_type: str, payload: object) -> None:
        """Refuse a task of an unknown type, or with a payload that breaks its type's schema.

        Raises:
            ApiError: why the task is refused.
        """
        known = self._known.get(task_type)
        if known is None:
            if self._reject_unknown:
                raise _unknown(task_type)
        elif known.validator is not None and not known.validator.is_valid(payload):
            raise _broken(task_type, known.validator, payload)

    def label(self, task_type: str) -> str:
        """What metrics call the type. Types that nobody registered share one name: callers could make any number."""
        return task_type if task_type in self._known else UNREGISTERED_LABEL

    async def refresh(self) -> None:
        """Read the types again. Callers at the same time share one reading.

        Raises:
            StoreError: the store did not answer.
        """
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_soon())
        await asyncio.shield(self._reading)

    async def run(self, interval_s: float) -> None:
        """Refresh for ever. What is known stays known while the store is away."""
        while True:
            try:
                await self.refresh()
            except StoreError as error:
                log.warning("types_not_read", error=str(error))
            await asyncio.sleep(interval_s)

    async def _read_soon(self) -> None:
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(max(0.0, self._read_at_s + LEAST_INTERVAL_S - clock()))
        self._read_at_s = clock()
        types = await self._read_types()
        self._known = {name: self._compiled(name, schema) for name, schema in types.items()}

    def _compiled(self, name: str, schema: bytes) -> _Known:
        known = self._known.get(name)
        return known if known is not None and known.schema == schema else _Known(schema, _compile(name, schema))


def _compile(name: str, schema: bytes) -> jsonschema_rs.Draft202012Validator | None:
    """The check that a schema stands for; none where it says nothing or makes no sense."""
    try:
        parsed = msgspec.json.decode(schema)
        # offline: a schema is data that a worker wrote; it must not make the api fetch anything.
        return None if parsed is None else jsonschema_rs.Draft202012Validator(parsed, offline=True)
    except (msgspec.DecodeError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        log.warning("schema_unusable", type=name, error=str(error))
        return None


def _unknown(task_type: str) -> ApiError:
    return ApiError(
        400,
        "INVALID_TASK_TYPE",
        f"type: no worker has registered the type {shorten(task_type)}",
        {"field": "type", "got": shorten(task_type), "expected": "a registered type; see GET /api/v1/types"},
    )


def _broken(task_type: str, validator: jsonschema_rs.Draft202012Validator, payload: object) -> ApiError:
    error = next(iter(validator.iter_errors(payload)))
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    field, problem = f"payload{path}", error.message
    if len(problem) > 300:
        problem = f"{problem[:297]}..."
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
