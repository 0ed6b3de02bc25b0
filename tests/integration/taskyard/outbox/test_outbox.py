from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

from sqlalchemy import Engine, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from queuecore.testing.waiting import eventually
from taskyard import Client, outbox
from taskyard.client.core.call import Answer, Call, Failure
from taskyard.client.transport import HttpTransport
from taskyard.outbox import Relay, RelayOptions
from taskyard.testing import TestServer
from tests.integration.taskyard.outbox.relay_process import Gate, RelayProcess
from tests.integration.taskyard.tasks import Struct, count, take_any, take_struct

HURRIED = ("--poll=20ms", "--timeout=1s", "--claim=1100ms")


def add(engine: Engine, number: int, queue: str) -> list[str]:
    """Add tasks that no worker runs while the test counts them."""
    with engine.begin() as connection:
        requests = [count.request({"number": each}, queue=queue, delay="1h") for each in range(number)]
        return [outbox.add(connection, request) for request in requests]


def states(engine: Engine) -> Counter[str]:
    with engine.begin() as connection:
        grouped = select(outbox.table.c.state, func.count()).group_by(outbox.table.c.state)
        return Counter(dict(connection.execute(grouped).all()))


def stored(client: Client, queue: str) -> int:
    stats = client.stats().get(queue)
    return stats.scheduled if stats else 0


def relay_all(engine: Engine, server: TestServer) -> None:
    relay = Relay(engine, url=server.url, token="")
    relay.run_until_empty(threading.Event())
    relay.close()


def test_task_runs_if_and_only_if_the_transaction_commits(engine: Engine, server: TestServer, client: Client) -> None:
    with engine.begin() as connection:
        committed = outbox.add(connection, take_struct.request(Struct(7)))
    with engine.connect() as connection:
        outbox.add(connection, take_struct.request(Struct(8)))
        connection.rollback()
        outbox.add(connection, take_struct.request(Struct(9)))  # never committed
    relay_all(engine, server)
    task = client.wait(committed, queue="library", timeout="20s")
    assert (task.state, task.result) == ("completed", {"number": 7, "at": None, "price": "1.50"})
    assert states(engine) == {"relayed": 1}


def test_session_adds_tasks(engine: Engine, server: TestServer, client: Client, queue: str) -> None:
    with Session(engine) as session, session.begin():
        outbox.add(session, count.request({"number": 1}, queue=queue, delay="1h"))
    relay_all(engine, server)
    assert stored(client, queue) == 1


async def test_async_connections_and_sessions_add_tasks(
    postgresql: str, server: TestServer, client: Client, queue: str
) -> None:
    async_engine = create_async_engine(f"postgresql+psycopg:{postgresql}")
    request = count.request({"number": 1}, queue=queue, delay="1h")
    async with async_engine.begin() as connection:
        await connection.run_sync(outbox.metadata.drop_all)
        await connection.run_sync(outbox.create_table)
        await outbox.add_async(connection, request)
    async with AsyncSession(async_engine) as session:
        await outbox.add_async(session, request)
        await session.rollback()
        await outbox.add_async(session, request)
        await session.commit()
    async with async_engine.connect() as connection:
        await connection.run_sync(lambda sync: relay_all(sync.engine, server))
    await async_engine.dispose()
    assert stored(client, queue) == 2


async def test_each_task_is_in_the_store_once_when_the_relay_is_killed_before_it_records(
    engine: Engine, database_url: str, server: TestServer, client: Client, queue: str, tmp_path: Path
) -> None:
    add(engine, 30, queue)
    with Gate(server.url) as gate, RelayProcess(database_url, gate.url, tmp_path / "log", *HURRIED) as relay:
        await eventually(gate.executed.is_set)
        relay.kill()
        assert states(engine) == {"waiting": 30}
        assert stored(client, queue) == 30
    with RelayProcess(database_url, server.url, tmp_path / "log", *HURRIED) as relay:
        await eventually(lambda: states(engine) == {"relayed": 30})
        assert relay.terminate() == 0
    assert stored(client, queue) == 30


async def test_each_task_is_in_the_store_once_when_the_relay_is_killed_at_any_moment(
    engine: Engine, database_url: str, server: TestServer, client: Client, queue: str, tmp_path: Path
) -> None:
    add(engine, 100, queue)
    with RelayProcess(database_url, server.url, tmp_path / "log", *HURRIED, "--batch=7"):
        await eventually(lambda: stored(client, queue) >= 20)
    with RelayProcess(database_url, server.url, tmp_path / "log", *HURRIED) as relay:
        await eventually(lambda: states(engine) == {"relayed": 100})
        assert relay.terminate() == 0
    assert stored(client, queue) == 100


def test_task_is_in_the_store_once_when_its_idempotency_key_is_forgotten(
    engine: Engine, server: TestServer, client: Client, queue: str
) -> None:
    add(engine, 3, queue)
    relay_all(engine, server)
    with engine.begin() as connection:
        again = func.replace(outbox.table.c.key, "-", "_")
        # As after a kill before the record, and a day without a relay.
        connection.execute(update(outbox.table).values(state="waiting", ended_at=None, due_at=0, key=again))
    relay_all(engine, server)
    assert states(engine) == {"relayed": 3}
    assert stored(client, queue) == 3


class CountingTransport(HttpTransport):
    def __init__(self, url: str) -> None:
        super().__init__(url, lambda: None)
        self.sent = 0

    def send(self, call: Call, timeout_s: float) -> Answer | Failure:
        self.sent += len(call.requests)
        return super().send(call, timeout_s)


def test_relays_share_the_rows_when_several_run(engine: Engine, server: TestServer, client: Client, queue: str) -> None:
    add(engine, 400, queue)
    transports = [CountingTransport(server.url) for _ in range(4)]
    relays = [Relay(engine, url=server.url, transport=each, options=RelayOptions(batch=10)) for each in transports]
    threads = [threading.Thread(target=relay.run_until_empty, args=[threading.Event()]) for relay in relays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for relay in relays:
        # A relay that found all due rows claimed by others has ended early.
        relay.run_until_empty(threading.Event())
        relay.close()
    assert sum(each.sent for each in transports) == 400
    assert states(engine) == {"relayed": 400}
    assert stored(client, queue) == 400


def test_refused_tasks_are_kept_with_the_error_and_the_others_enqueued(
    engine: Engine, server: TestServer, client: Client, queue: str
) -> None:
    with engine.begin() as connection:
        poison = outbox.add(connection, take_any.request({"text": "x" * 2 * 1024 * 1024}, queue=queue))
        outbox.add(connection, take_any.request({}, queue=queue, delay="1h", unique="1h"))
        duplicate = outbox.add(connection, take_any.request({}, queue=queue, delay="1h", unique="1h"))
    relay_all(engine, server)
    assert states(engine) == {"refused": 1, "relayed": 1, "duplicate": 1}
    with engine.begin() as connection:
        errors = dict(connection.execute(select(outbox.table.c.task_id, outbox.table.c.error)).all())
    assert "PAYLOAD_TOO_LARGE" in str(errors[poison])
    assert "DUPLICATE_TASK" in str(errors[duplicate])
    assert stored(client, queue) == 1
