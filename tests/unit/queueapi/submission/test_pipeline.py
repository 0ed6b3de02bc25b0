from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

import queueapi.schemas.parsing
import queueapi.submission.pipeline
from queueapi.errors import ApiError
from queueapi.http.response import JsonResponse
from queueapi.settings import ApiSettings
from queueapi.submission.backpressure import Backpressure
from queueapi.submission.builder import TaskBuilder
from queueapi.submission.claims import IdempotencyClaims
from queueapi.submission.drain_rate import DrainRates
from queueapi.submission.idempotency_key import BatchFingerprint, fingerprint
from queueapi.submission.pipeline import SubmissionPipeline, decode_batch_task
from queueapi.submission.slicing import SLICE_BYTES
from queueapi.submission.type_registry import TypeRegistry
from queuecore.domain.state import TaskState
from queuecore.errors import StoreError, StoreFull, StoreUnavailable
from queuecore.observe.tracing.context import TraceTexts
from queuecore.store.tasks.enqueue import Duplicate, Enqueue, Enqueued, EnqueueResult, QueueFull

GOOD = {"type": "demo", "payload": {}}
NO_TRACE = TraceTexts()
MAX_TASK_BYTES = 2 * SLICE_BYTES


class Store:
    """The store's side of the pipeline: types, claims, and the results of enqueues by task id."""

    def __init__(self) -> None:
        self.types: dict[str, bytes] = {"demo": b"null"}
        self.types_error: StoreError | None = None
        self.claimed: dict[str, str] = {}
        self.results: dict[str, EnqueueResult] = {}
        self.single: list[Enqueue] = []
        self.batches: list[list[Enqueue]] = []
        self.reads = 0

    async def read_types(self) -> Mapping[str, bytes]:
        self.reads += 1
        if self.types_error:
            raise self.types_error
        return self.types

    async def claim(self, fingerprints: Mapping[str, str], request: str) -> set[str]:  # noqa: ARG002 - as the real one
        return {digest for digest, each in fingerprints.items() if self.claimed.setdefault(digest, each) != each}

    async def give_back(self, fingerprints: Mapping[str, str], request: str) -> None:  # noqa: ARG002 - as the real one
        for digest in fingerprints:
            del self.claimed[digest]

    async def send(self, request: Enqueue) -> EnqueueResult:
        self.single.append(request)
        return self._result(request)

    async def send_many(self, requests: Sequence[Enqueue]) -> Sequence[EnqueueResult]:
        self.batches.append(list(requests))
        return [self._result(request) for request in requests]

    def _result(self, request: Enqueue) -> EnqueueResult:
        return self.results.get(request.task.id, Enqueued(request.task.id, TaskState.PENDING))


class WorkPerPass:
    """The bytes that are handled between two passes of the event loop."""

    def __init__(self) -> None:
        self._passes = [0]

    @property
    def largest_bytes(self) -> int:
        return max(self._passes)

    def add(self, size_bytes: int) -> None:
        self._passes[-1] += size_bytes

    async def __aenter__(self) -> None:
        self._counting = asyncio.create_task(self._count())

    async def __aexit__(self, *_: object) -> None:
        self._counting.cancel()
        await asyncio.gather(self._counting, return_exceptions=True)

    async def _count(self) -> None:
        while True:
            self._passes.append(0)
            await asyncio.sleep(0)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def pipeline(store: Store) -> SubmissionPipeline:
    return SubmissionPipeline(
        TaskBuilder(ApiSettings()),
        TypeRegistry(store.read_types, reject_unknown=True),
        IdempotencyClaims(store),  # type: ignore[arg-type]  # see Store
        Backpressure(None, DrainRates(), CollectorRegistry()),  # type: ignore[arg-type]  # only refusal() is called
        store.send,
        store.send_many,
        MAX_TASK_BYTES,
    )


def encode(*tasks: Any) -> bytes:
    return msgspec.json.encode({"tasks": tasks})


def read(response: JsonResponse) -> Any:
    return msgspec.json.decode(response.body)


async def test_task_is_sent_alone_and_answered_with_201(pipeline: SubmissionPipeline, store: Store) -> None:
    response = await pipeline.submit_task(msgspec.json.encode({**GOOD, "task_id": "a"}), None, NO_TRACE)

    assert (response.status, response.headers) == (201, None)
    assert read(response) == {"task_id": "a", "queue": "default", "status": "pending"}
    assert [request.idempotency_digest for request in store.single] == [""]
    assert store.batches == []


@pytest.mark.parametrize("key", [None, "k"])
async def test_task_is_marked_as_replayed_when_it_carries_a_key(
    pipeline: SubmissionPipeline, store: Store, key: str | None
) -> None:
    store.results["a"] = Enqueued("a", TaskState.PENDING, replayed=True)

    response = await pipeline.submit_task(msgspec.json.encode({**GOOD, "task_id": "a"}), key, NO_TRACE)

    assert response.headers == ({"Idempotency-Replayed": "true"} if key else None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "INVALID_REQUEST"),
        (msgspec.json.encode({**GOOD, "timeout": "x"}), "INVALID_TIMEOUT"),
        (msgspec.json.encode({**GOOD, "type": "unknown"}), "INVALID_TASK_TYPE"),
        (msgspec.json.encode(GOOD), "INVALID_REQUEST"),
    ],
    ids=["parse-first", "then-fields", "then-type", "key-last"],
)
async def test_task_is_refused_for_its_body_before_its_key_when_both_are_invalid(
    pipeline: SubmissionPipeline, store: Store, body: bytes, code: str
) -> None:
    with pytest.raises(ApiError) as caught:
        await pipeline.submit_task(body, "", NO_TRACE)

    assert caught.value.code == code
    assert (store.claimed, store.single) == ({}, [])


async def test_batch_is_refused_for_its_key_before_its_tasks_when_both_are_invalid(
    pipeline: SubmissionPipeline, store: Store
) -> None:
    store.types_error = StoreUnavailable()

    with pytest.raises(ApiError) as caught:
        await pipeline.submit_batch(encode({**GOOD, "type": "unknown"}, 5), "", NO_TRACE)

    assert caught.value.details["field"] == "Idempotency-Key"


async def test_batch_skips_a_refused_task_in_all_later_stages(pipeline: SubmissionPipeline, store: Store) -> None:
    tasks = [5, {**GOOD, "timeout": "x", "idempotency_key": "k"}, {**GOOD, "idempotency_key": ""}, GOOD]

    response = await pipeline.submit_batch(encode(*tasks), None, NO_TRACE)

    assert [result["status_code"] for result in read(response)["results"]] == [400, 400, 400, 201]
    assert (read(response)["created"], read(response)["failed"]) == (1, 3)
    assert store.claimed == {}
    assert [len(batch) for batch in store.batches] == [1]


async def test_batch_reaches_no_store_when_all_tasks_are_refused(pipeline: SubmissionPipeline, store: Store) -> None:
    response = await pipeline.submit_batch(encode(5, {"type": "demo"}), "k", NO_TRACE)

    assert (response.status, read(response)["failed"]) == (200, 2)
    assert (store.claimed, store.batches) == ({}, [])


async def test_batch_refuses_an_item_whose_key_an_earlier_item_owns(pipeline: SubmissionPipeline, store: Store) -> None:
    tasks = [{**GOOD, "idempotency_key": "k"}, {**GOOD, "priority": 1, "idempotency_key": "k"}, GOOD]

    response = await pipeline.submit_batch(encode(*tasks), None, NO_TRACE)

    assert [result["status_code"] for result in read(response)["results"]] == [201, 422, 201]
    (sent,) = store.batches
    assert [bool(request.idempotency_digest) for request in sent] == [True, False]


async def test_batch_with_a_key_gives_each_task_without_one_its_own_digest(
    pipeline: SubmissionPipeline, store: Store
) -> None:
    await pipeline.submit_batch(encode(GOOD, GOOD, {**GOOD, "idempotency_key": "own"}), "batch", NO_TRACE)

    (sent,) = store.batches
    assert len({request.idempotency_digest for request in sent}) == 3
    # The batch's own claim, and that of the task with a key.
    assert len(store.claimed) == 2


async def test_large_batch_is_a_replay_when_only_its_spacing_differs(pipeline: SubmissionPipeline) -> None:
    tasks = 3 * [{**GOOD, "payload": {"a": SLICE_BYTES * "x"}}]

    await pipeline.submit_batch(encode(*tasks), "k", NO_TRACE)
    await pipeline.submit_batch(json.dumps({"tasks": tasks}).encode(), "k", NO_TRACE)
    with pytest.raises(ApiError) as caught:
        await pipeline.submit_batch(encode(*tasks, GOOD), "k", NO_TRACE)

    assert caught.value.code == "IDEMPOTENCY_MISMATCH"


async def test_batch_is_refused_as_a_whole_when_its_key_came_with_another_body(pipeline: SubmissionPipeline) -> None:
    await pipeline.submit_batch(encode(GOOD), "k", NO_TRACE)

    with pytest.raises(ApiError) as caught:
        await pipeline.submit_batch(encode(GOOD, GOOD), "k", NO_TRACE)

    assert (caught.value.status, caught.value.code) == (422, "IDEMPOTENCY_MISMATCH")


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Duplicate("b", by_lock=True), 409),
        (QueueFull("default", "max_depth", maximum=1, held=1, needed=1), 429),
        (QueueFull("default", "max_bytes", maximum=1, held=0, needed=2), 413),
        (StoreUnavailable(), 503),
        (StoreFull(), 503),
        (StoreError(), 500),
    ],
    ids=["duplicate", "full", "too-large", "unreachable", "store-full", "other"],
)
async def test_batch_reports_a_result_of_the_store_beside_those_of_other_tasks(
    pipeline: SubmissionPipeline, store: Store, result: EnqueueResult, status: int
) -> None:
    store.results["a"] = result

    response = await pipeline.submit_batch(encode({**GOOD, "task_id": "a"}, GOOD), None, NO_TRACE)

    assert [each["status_code"] for each in read(response)["results"]] == [status, 201]


async def test_batch_fails_as_a_whole_when_the_store_failed_for_every_accepted_task(
    pipeline: SubmissionPipeline, store: Store
) -> None:
    store.results = {"a": StoreFull(), "b": StoreUnavailable()}

    with pytest.raises(StoreFull):
        await pipeline.submit_batch(encode(5, {**GOOD, "task_id": "a"}, {**GOOD, "task_id": "b"}), None, NO_TRACE)


@pytest.mark.parametrize(
    "result", [StoreUnavailable(), StoreFull(), StoreError()], ids=lambda each: type(each).__name__
)
async def test_task_fails_with_the_error_of_the_store(
    pipeline: SubmissionPipeline, store: Store, result: StoreError
) -> None:
    store.results["a"] = result

    with pytest.raises(StoreError) as caught:
        await pipeline.submit_task(msgspec.json.encode({**GOOD, "task_id": "a"}), None, NO_TRACE)

    assert caught.value is result


@pytest.mark.parametrize("duration", ["x", "1s"], ids=["validate", "enqueue"])
async def test_refused_task_releases_its_body_without_a_garbage_collection(
    pipeline: SubmissionPipeline, store: Store, duration: str
) -> None:
    store.results["a"] = Duplicate("a", by_lock=False)
    body = msgspec.json.encode({**GOOD, "task_id": "a", "timeout": duration})
    references = sys.getrefcount(body)

    refused = False
    try:
        await pipeline.submit_task(body, "k", NO_TRACE)
    except ApiError:
        refused = True

    assert refused
    assert sys.getrefcount(body) == references


async def test_batch_releases_its_body_without_a_garbage_collection_when_a_task_is_refused(
    pipeline: SubmissionPipeline,
) -> None:
    body = encode({**GOOD, "timeout": "x", "idempotency_key": "k"})
    references = sys.getrefcount(body)

    await pipeline.submit_batch(body, None, NO_TRACE)

    assert sys.getrefcount(body) == references


def test_decode_gives_the_tasks_of_a_batch_their_own_keys() -> None:
    tasks = (GOOD, {**GOOD, "idempotency_key": "k"}, 5)

    items = [decode_batch_task(position, msgspec.json.encode(task)) for position, task in enumerate(tasks)]

    assert [item.position for item in items] == [0, 1, 2]
    assert [item.key and (item.key.value, item.key.source) for item in items] == [None, ("k", "idempotency_key"), None]
    assert [item.refusal is None for item in items] == [True, True, False]


def test_fingerprint_ignores_the_order_of_fields_and_the_key_itself() -> None:
    tasks = (
        {**GOOD, "idempotency_key": "k"},
        dict(reversed({**GOOD, "idempotency_key": "other"}.items())),
        {**GOOD, "priority": 1},
    )

    first, second, other = (fingerprint(msgspec.json.encode(task)) for task in (GOOD, tasks[1], tasks[2]))

    assert first == second == fingerprint(msgspec.json.encode(tasks[0]))
    assert first != other


@pytest.mark.parametrize("tasks", [[GOOD], [{**GOOD, "payload": {"b": 1.0, "a": "é"}}, 5, {"type": "x"}]])
def test_fingerprint_of_a_batch_is_the_digest_of_its_canonical_json(tasks: list[Any]) -> None:
    whole = BatchFingerprint()
    for task in tasks:
        whole.add(msgspec.json.encode(task))

    canonical = msgspec.json.encode({"tasks": tasks}, order="sorted")
    assert whole.hexdigest() == sha256(canonical).hexdigest()


async def test_batch_refuses_a_task_unread_when_it_is_too_large(pipeline: SubmissionPipeline) -> None:
    large = {**GOOD, "payload": {"a": MAX_TASK_BYTES * "x"}}

    response = await pipeline.submit_batch(encode(GOOD, large), "key", NO_TRACE)

    assert [each["status_code"] for each in read(response)["results"]] == [201, 413]


async def test_batch_keeps_the_order_of_its_tasks_when_it_is_read_in_slices(
    pipeline: SubmissionPipeline, store: Store
) -> None:
    filler = {"a": (SLICE_BYTES // 3) * "x"}
    tasks = [{**GOOD, "task_id": f"t{number}", "payload": filler} for number in range(10)]

    response = await pipeline.submit_batch(encode(*tasks, 5, {**GOOD, "task_id": "last"}), None, NO_TRACE)

    names = [*(f"t{number}" for number in range(10)), None, "last"]
    assert [each.get("task_id") for each in read(response)["results"]] == names
    (sent,) = store.batches
    assert [request.task.id for request in sent] == [name for name in names if name]


async def test_batch_reads_the_types_once_when_tasks_of_several_slices_have_unknown_types(
    pipeline: SubmissionPipeline, store: Store
) -> None:
    await pipeline.submit_task(msgspec.json.encode(GOOD), None, NO_TRACE)
    store.reads = 0
    task = {"type": "unknown", "payload": {"a": SLICE_BYTES * "x"}}

    response = await pipeline.submit_batch(encode(task, task, task), None, NO_TRACE)

    assert [each["status_code"] for each in read(response)["results"]] == 3 * [400]
    assert store.reads == 1


@pytest.mark.parametrize("size", [0, SLICE_BYTES], ids=["small", "large"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"tasks":[%b],"tasks":[%b]}',
        b'{"tasks":[%b,{"a":1,"a":2}],"t\\u0061sks":[%b]}',
        b'{"tasks":[%b,%b,{"type":"x","payload":{"a":1,"a":2}}]}',
    ],
    ids=["outside", "escaped", "in-a-task"],
)
async def test_batch_is_refused_as_a_whole_when_a_key_is_duplicate(
    pipeline: SubmissionPipeline, store: Store, body: bytes, size: int
) -> None:
    task = msgspec.json.encode({**GOOD, "payload": {"a": size * "x"}})

    with pytest.raises(ApiError, match="not valid JSON"):
        await pipeline.submit_batch(body % (task, task), None, NO_TRACE)

    assert store.batches == []


@pytest.mark.parametrize("size", [0, SLICE_BYTES], ids=["small", "large"])
@pytest.mark.parametrize(
    "body",
    [b' { "t\\u0061sks" : [ %b , %b ] } ', b'{"tasks":[%b,%b,{"type":"tasks","payload":{"tasks":"\\u0061"}}]}'],
    ids=["escaped", "in-a-payload"],
)
async def test_batch_is_accepted_when_its_key_has_an_unusual_form(
    pipeline: SubmissionPipeline, body: bytes, size: int
) -> None:
    task = msgspec.json.encode({**GOOD, "payload": {"a": size * "x"}})

    response = await pipeline.submit_batch(body % (task, task), None, NO_TRACE)

    assert read(response)["created"] == 2


async def test_batches_of_one_slice_are_handled_in_turns_when_they_arrive_together(
    pipeline: SubmissionPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = encode({**GOOD, "payload": {"a": SLICE_BYTES // 2 * "x"}})
    work = WorkPerPass()
    monkeypatch.setattr(queueapi.schemas.parsing, "check_json", lambda text: work.add(len(text)))

    async with work:
        await asyncio.gather(*(pipeline.submit_batch(body, None, NO_TRACE) for _ in range(3)))

    assert work.largest_bytes == len(body)


@pytest.mark.parametrize("task_bytes", [SLICE_BYTES // 50, SLICE_BYTES + 1], ids=["small-tasks", "large-tasks"])
async def test_batch_is_handled_in_bounded_slices_when_it_is_large(
    pipeline: SubmissionPipeline, monkeypatch: pytest.MonkeyPatch, task_bytes: int
) -> None:
    work = WorkPerPass()
    monkeypatch.setattr(queueapi.submission.pipeline, "check_batch_tasks", lambda texts: work.add(sum(map(len, texts))))
    task = {**GOOD, "payload": {"a": task_bytes * "x"}}

    async with work:
        await pipeline.submit_batch(encode(*(5 * SLICE_BYTES // task_bytes * [task])), None, NO_TRACE)

    assert 0 < work.largest_bytes <= max(SLICE_BYTES, len(msgspec.json.encode(task)))
