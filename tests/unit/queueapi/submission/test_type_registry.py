from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from queueapi.errors import ApiError
from queueapi.submission.type_registry import TypeRegistry
from queuecore.errors import StoreUnavailable

SCHEMA = (
    b'{"type":"object","required":["message"],'
    b'"properties":{"message":{"type":"string"},"items":{"type":"array","items":{"type":"integer"}}}}'
)


class Store:
    def __init__(self, types: Mapping[str, bytes]) -> None:
        self.types = types
        self.reads = 0

    async def read(self) -> Mapping[str, bytes]:
        self.reads += 1
        await asyncio.sleep(0)
        return self.types


def registry(store: Store, *, reject_unknown: bool = True) -> TypeRegistry:
    return TypeRegistry(store.read, reject_unknown=reject_unknown)


async def check(types: TypeRegistry, task_type: str, payload: object) -> None:
    if not types.accepts(task_type):
        await types.refresh()
    types.validate(task_type, payload)


async def test_validate_accepts_a_payload_when_its_schema_allows_it() -> None:
    await check(registry(Store({"demo": SCHEMA})), "demo", {"message": "hi", "items": [1, 2]})


async def test_validate_accepts_any_payload_when_the_type_has_no_schema() -> None:
    await check(registry(Store({"demo": b"null"})), "demo", {"x": 1})


@pytest.mark.parametrize(
    ("payload", "field", "words"),
    [
        ({}, "payload", "required"),
        ({"message": 5}, "payload.message", "string"),
        ({"message": "", "items": [1, "x"]}, "payload.items[1]", "integer"),
    ],
)
async def test_validate_names_the_path_when_a_payload_is_invalid(payload: object, field: str, words: str) -> None:
    with pytest.raises(ApiError) as caught:
        await check(registry(Store({"demo": SCHEMA})), "demo", payload)

    assert (caught.value.status, caught.value.code) == (400, "INVALID_PAYLOAD")
    assert caught.value.details["field"] == field
    assert words in str(caught.value)


async def test_validate_refuses_a_type_when_no_worker_has_registered_it() -> None:
    with pytest.raises(ApiError) as caught:
        await check(registry(Store({})), "demo", {})

    assert (caught.value.code, caught.value.details["field"]) == ("INVALID_TASK_TYPE", "type")


async def test_refresh_finds_a_type_when_it_was_registered_since() -> None:
    store = Store({"other": b"null"})
    types = registry(store)
    await check(types, "other", {})
    store.types = {"demo": SCHEMA}

    await check(types, "demo", {"message": "hi"})

    assert "other" not in types.schemas


async def test_refresh_reads_once_when_many_tasks_have_unknown_types() -> None:
    store = Store({})
    types = registry(store)

    await asyncio.gather(*(check(types, "demo", {}) for _ in range(50)), return_exceptions=True)

    assert store.reads == 1


async def test_validate_accepts_unknown_types_when_they_are_not_rejected() -> None:
    store = Store({})

    await check(registry(store, reject_unknown=False), "demo", {"x": 1})

    assert store.reads == 0


@pytest.mark.parametrize("schema", [b"{", b'{"type":"nonsense"}', b'{"$ref":"http://example.com/schema.json"}', b"5"])
async def test_validate_accepts_any_payload_when_the_schema_is_unusable(schema: bytes) -> None:
    await check(registry(Store({"demo": schema})), "demo", {"x": 1})


async def test_metric_label_is_shared_by_unregistered_types() -> None:
    types = registry(Store({"demo": b"null"}))
    await types.refresh()

    assert [types.metric_label(name) for name in ("demo", "a", "b")] == ["demo", "unregistered", "unregistered"]


async def test_refresh_fails_when_the_store_is_unreachable() -> None:
    async def unreachable() -> Mapping[str, bytes]:
        raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        await check(TypeRegistry(unreachable, reject_unknown=True), "demo", {})
