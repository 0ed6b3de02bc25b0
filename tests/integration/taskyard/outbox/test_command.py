from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import create_engine, update

from queuecore.embedded import find_free_port
from queuecore.testing.waiting import eventually
from taskyard import Client, outbox
from taskyard.testing import TestServer
from tests.integration.taskyard.outbox.relay_process import RelayProcess
from tests.integration.taskyard.tasks import count


def test_command_relays_refused_tasks_again_and_ends_when_none_is_due(
    server: TestServer, client: Client, queue: str, tmp_path: Path
) -> None:
    url, log = f"sqlite:///{tmp_path / 'shop.db'}", tmp_path / "log"
    engine = create_engine(url)
    outbox.create_table(engine)
    with engine.begin() as connection:
        outbox.add(connection, count.request({"number": 1}, queue=queue, delay="1h"))
        connection.execute(update(outbox.table).values(state="refused"))
    with RelayProcess(url, server.url, log, "--create-table", "--retry-refused") as relay:
        assert relay.wait() == 0, log.read_text()
    with RelayProcess(url, server.url, log, "--until-empty") as relay:
        assert relay.wait() == 0, log.read_text()
    engine.dispose()
    assert client.stats(queue)[queue].scheduled == 1
    answer, line = log.read_text().splitlines()
    assert answer == "1 refused tasks are due again"
    assert json.loads(line) | {"time": ""} == {
        "time": "",
        "level": "info",
        "service": "outbox-relay",
        "event": "outbox batch: 1 relayed",
        "logger": "taskyard.outbox",
    }


async def test_command_waits_for_the_api_and_ends_on_sigterm(tmp_path: Path) -> None:
    url, log = f"sqlite:///{tmp_path / 'shop.db'}", tmp_path / "log"
    engine = create_engine(url)
    outbox.create_table(engine)
    with engine.begin() as connection:
        outbox.add(connection, count.request({"number": 1}))
    engine.dispose()
    arguments = ("--timeout=200ms", "--poll=20ms")
    with RelayProcess(url, f"http://127.0.0.1:{find_free_port()}", log, *arguments) as relay:
        await eventually(lambda: "outbox cannot be relayed" in log.read_text())
        assert relay.terminate() == 0, log.read_text()


def test_command_ends_with_2_and_names_the_variable_when_a_setting_is_invalid(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with RelayProcess("oracle9://secret@host", "http://127.0.0.1:1", log) as relay:
        assert relay.wait() == 2
    assert "TASKYARD_OUTBOX_DATABASE_URL" in log.read_text()
    assert "secret" not in log.read_text()
