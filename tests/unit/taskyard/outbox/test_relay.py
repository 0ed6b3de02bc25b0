from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from sqlalchemy import Engine, RowMapping, create_engine, select, update
from sqlalchemy.exc import OperationalError

from taskyard import NotConnected, Refused, Taskyard, Unauthorized, outbox
from taskyard.client.core.call import Answer, Failure
from taskyard.outbox import Relay, RelayOptions
from taskyard.outbox.rows import claim
from tests.unit.taskyard.outbox.fake_api import FakeApi

app = Taskyard()
OPTIONS = RelayOptions(poll="10ms", timeout="100ms", claim="1m")


@app.task("count", queue="numbers", max_retries=3)
async def count(payload: dict[str, int]) -> None: ...


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    outbox.create_table(made)
    yield made
    made.dispose()


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def relay(engine: Engine, api: FakeApi) -> Relay:
    return Relay(engine, url="http://taskyard.test", transport=api, options=OPTIONS)


def add(engine: Engine, number: int = 1, **options: Any) -> list[str]:
    with engine.begin() as connection:
        return [outbox.add(connection, count.request({"number": each}, **options)) for each in range(number)]


def rows(engine: Engine) -> list[RowMapping]:
    with engine.begin() as connection:
        return list(connection.execute(select(outbox.table).order_by(outbox.table.c.position)).mappings())


def states(engine: Engine) -> list[str]:
    return [row["state"] for row in rows(engine)]


def make_due(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(outbox.table).values(due_at=0))


def test_task_is_enqueued_with_all_its_options(engine: Engine, api: FakeApi, relay: Relay) -> None:
    (task_id,) = add(engine, delay="1h", priority=7)
    assert relay.relay_batch() == 1
    (task,) = msgspec.json.decode(api.calls[0].body or b"")["tasks"]
    process_at = datetime.fromisoformat(task.pop("process_at"))
    assert 3_590 < (process_at - datetime.now(UTC)).total_seconds() <= 3_600
    assert task == {
        "type": "count",
        "queue": "numbers",
        "max_retries": 3,
        "priority": 7,
        "task_id": task_id,
        "idempotency_key": rows(engine)[0]["key"],
        "payload": {"number": 0},
    }
    assert states(engine) == ["relayed"]


def test_task_is_not_enqueued_when_the_transaction_is_rolled_back(engine: Engine, api: FakeApi, relay: Relay) -> None:
    with engine.connect() as connection:
        outbox.add(connection, count.request({"number": 1}))
        connection.rollback()
    assert relay.relay_batch() == 0
    assert api.calls == []


def test_tasks_are_sent_in_the_order_of_their_insertion(engine: Engine, api: FakeApi, relay: Relay) -> None:
    ids = add(engine, 250)
    relay.run_until_empty(threading.Event())
    assert list(api.tasks) == ids
    assert len(api.calls) == 3


def test_task_keeps_its_own_id_when_the_request_names_one(engine: Engine, api: FakeApi, relay: Relay) -> None:
    assert add(engine, task_id="order-7") == ["order-7"]
    assert add(engine, task_id="order-7") == ["order-7"]
    relay.relay_batch()
    assert api.tasks == {"order-7": 1}
    assert states(engine) == ["relayed", "relayed"]


def test_task_is_enqueued_once_when_the_answer_is_lost(engine: Engine, api: FakeApi, relay: Relay) -> None:
    add(engine, 3)
    api.loses_answers = True
    with pytest.raises(NotConnected):
        relay.relay_batch()
    assert states(engine) == ["waiting"] * 3
    api.loses_answers = False
    assert relay.relay_batch() == 3
    assert set(api.tasks.values()) == {1}
    assert states(engine) == ["relayed"] * 3


def test_task_is_enqueued_once_when_the_idempotency_key_has_expired(engine: Engine, api: FakeApi, relay: Relay) -> None:
    (task_id,) = add(engine)
    api.loses_answers = True
    with pytest.raises(NotConnected):
        relay.relay_batch()
    api.loses_answers = False
    api.keys.clear()
    relay.relay_batch()
    assert api.tasks == {task_id: 1}
    assert states(engine) == ["relayed"]


def test_claimed_rows_are_left_to_their_relay_until_the_claim_ends(engine: Engine) -> None:
    add(engine, 3)
    assert len(claim(engine, 2, 60_000)) == 2
    assert len(claim(engine, 2, 60_000)) == 1
    assert claim(engine, 2, 60_000) == []
    make_due(engine)
    assert len(claim(engine, 5, 60_000)) == 3


def test_refused_row_is_kept_with_its_error_and_relayed_when_asked_to(
    engine: Engine, api: FakeApi, relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    poison, *_ = add(engine, 3)
    api.refuse = lambda task: (400, "INVALID_PAYLOAD") if task["task_id"] == poison else None
    relay.run_until_empty(threading.Event())
    assert states(engine) == ["refused", "relayed", "relayed"]
    assert "INVALID_PAYLOAD" in rows(engine)[0]["error"]
    assert [record.levelno for record in caplog.records if poison in record.message] == [logging.ERROR]
    api.refuse = lambda _: None
    with engine.begin() as connection:
        assert outbox.retry_refused(connection, ["another"]) == 0
        assert outbox.retry_refused(connection) == 1
    relay.run_until_empty(threading.Event())
    assert states(engine) == ["relayed"] * 3


def test_row_that_spoils_the_whole_call_is_found_and_the_others_are_relayed(
    engine: Engine, api: FakeApi, relay: Relay
) -> None:
    ids = add(engine, 9)
    api.refuse_call = lambda task: (400, "INVALID_REQUEST") if task["task_id"] == ids[4] else None
    relay.relay_batch()
    assert states(engine) == ["relayed"] * 4 + ["refused"] + ["relayed"] * 4


def test_row_of_a_full_queue_waits_and_holds_up_no_other(engine: Engine, api: FakeApi, relay: Relay) -> None:
    add(engine, queue="full")
    add(engine)
    api.refuse = lambda task: (429, "QUEUE_FULL") if task["queue"] == "full" else None
    relay.run_until_empty(threading.Event())
    assert len(api.calls) == 1
    first, second = rows(engine)
    assert (first["state"], first["attempts"], second["state"]) == ("waiting", 1, "relayed")
    assert "QUEUE_FULL" in first["error"]
    api.refuse = lambda _: None
    make_due(engine)
    relay.run_until_empty(threading.Event())
    assert states(engine) == ["relayed", "relayed"]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Answer(401, {}, b'{"error": "no", "code": "UNAUTHORIZED"}'), Unauthorized),
        (Answer(404, {}, b"<html>"), Refused),
        (Answer(400, {}, b"<html>"), Refused),
    ],
)
def test_rows_stay_due_when_the_api_refuses_every_call(
    engine: Engine, api: FakeApi, relay: Relay, failure: Answer, error: type[Refused]
) -> None:
    add(engine, 2)
    api.failures = [failure]
    with pytest.raises(error):
        relay.relay_batch()
    assert states(engine) == ["waiting", "waiting"]
    assert [row["attempts"] for row in rows(engine)] == [0, 0]
    assert relay.relay_batch() == 2


def test_relay_goes_on_when_the_api_and_the_database_answer_again(
    engine: Engine, api: FakeApi, relay: Relay, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("taskyard.outbox.relay.FIRST_PAUSE_S", 0.01)
    add(engine)
    api.failures = [Failure("refused", sent=False)] * 3
    stop = threading.Event()
    batches = iter([OperationalError("SELECT", {"secret": "payload"}, Exception("database is gone"))])
    relay_batch = relay.relay_batch

    def fail_first() -> int:
        if error := next(batches, None):
            raise error
        if states(engine) == ["relayed"]:
            stop.set()
        return relay_batch()

    monkeypatch.setattr(relay, "relay_batch", fail_first)
    relay.run(stop)
    assert states(engine) == ["relayed"]
    assert "database is gone" in caplog.text
    assert "secret" not in caplog.text


def test_rows_are_deleted_after_their_retention_unless_refused(engine: Engine, api: FakeApi) -> None:
    ids = add(engine, 3)
    api.refuse = lambda task: (400, "INVALID_PAYLOAD") if task["task_id"] == ids[1] else None
    kept = Relay(engine, url="http://taskyard.test", transport=api, options=OPTIONS)
    kept.run_until_empty(threading.Event())
    assert len(rows(engine)) == 3
    brief = Relay(engine, url="http://taskyard.test", transport=api, options=RelayOptions(retention="0s"))
    brief.run_until_empty(threading.Event())
    assert states(engine) == ["refused"]


def test_trace_of_the_caller_goes_along_with_its_tasks(engine: Engine, api: FakeApi, relay: Relay) -> None:
    span = NonRecordingSpan(SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1)))
    with trace.use_span(span):
        add(engine, 2)
    add(engine)
    relay.relay_batch()
    assert sorted(call.headers.get("traceparent", "") for call in api.calls) == [
        "",
        "00-00000000000000000000000000000001-0000000000000002-01",
    ]
