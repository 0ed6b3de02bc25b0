from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from queuecore.embedded import find_free_port
from taskyard.cli.root import app
from taskyard.testing import TestServer

Run = Callable[..., Result]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def run(server: TestServer) -> Run:
    def run(*arguments: str, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(app, [*arguments, "--url", server.url], input=stdin)

    return run


def _objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_enqueue_waits_and_passes_all_options_when_asked(run: Run) -> None:
    done = run(
        *("enqueue", "struct", '{"number": 7}', "--queue", "library", "--priority", "9", "--max-retries", "2"),
        *("--timeout", "1m", "--deadline", "2090-01-01T00:00:00Z", "--unique", "1h", "--unique-key", "seven"),
        *("--metadata", "user=ada", "--metadata", "empty=", "--retention", "2h", "--wait", "--json"),
    )
    assert done.exit_code == 0, done.output
    (task,) = _objects(done)
    assert task["result"]["number"] == 7
    assert {name: task[name] for name in ("priority", "max_retry", "timeout", "deadline", "retention")} == {
        "priority": 9,
        "max_retry": 2,
        "timeout": "1m0s",
        "deadline": "2090-01-01T00:00:00Z",
        "retention": "2h0m0s",
    }
    assert task["metadata"] == {"user": "ada", "empty": ""}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("struct", "[]"), "payload: expected a JSON object"),
        (("struct", "@/nowhere"), "payload: expected a file that can be read"),
        (("struct", "{}", "--delay", "soon"), "delay: expected a duration"),
        (("struct", "{}", "--process-at", "soon"), "--process-at: expected"),
        (("struct", "{}", "--metadata", "user"), "--metadata: expected NAME=VALUE"),
        (("no type", "{}"), "type: expected"),
    ],
)
def test_enqueue_is_refused_before_it_is_sent_when_an_argument_is_wrong(
    arguments: tuple[str, ...], message: str, run: Run
) -> None:
    refused = run("enqueue", *arguments)
    assert (refused.exit_code, message in refused.stderr) == (2, True), refused.output


def test_enqueue_has_an_exit_code_when_the_api_refuses_the_task(run: Run) -> None:
    refused = run("enqueue", "nobody", "--json")
    assert refused.exit_code == 1
    error = json.loads(refused.stderr)
    assert (error["code"], error["status"], error["exit_code"]) == ("INVALID_TASK_TYPE", 400, 1)


def test_wait_has_an_exit_code_when_the_time_is_over(run: Run) -> None:
    (task,) = _objects(run("enqueue", "struct", '{"number": 1}', "--delay", "1h", "--json"))
    assert run("wait", task["task_id"], "--timeout", "10ms").exit_code == 5
    assert run("get", task["task_id"]).exit_code == 0
    assert run("run", task["task_id"]).stdout == f"{task['task_id']}: pending\n"
    assert run("wait", task["task_id"]).exit_code == 0
    assert run("cancel", task["task_id"], "--json").exit_code == 1


def test_batch_enqueues_more_than_a_chunk_and_reports_what_it_leaves_out(run: Run) -> None:
    lines = [json.dumps({"type": "struct", "queue": "library", "payload": {"number": n}}) for n in range(600)]
    lines[3] = '{"type": "nobody", "payload": {}}'
    lines[5] = "{"
    lines[7] = ""
    done = run("batch", "--json", stdin="\n".join(lines).encode())
    assert done.exit_code == 1, done.output
    *tasks, summary = _objects(done)
    assert summary == {"enqueued": 597, "existing": 0, "refused": 2}
    refused = {each["line"]: each["code"] for each in tasks if "code" in each}
    assert refused == {4: "INVALID_TASK_TYPE", 6: "INVALID_LINE"}
    assert len({each["task_id"] for each in tasks if "task_id" in each}) == 597


def test_overview_shows_queues_workers_and_types(run: Run) -> None:
    run("enqueue", "struct", '{"number": 1}', "--queue", "library", "--wait")
    assert "library" in {each["queue"] for each in _objects(run("queues", "--json"))}
    (worker,) = _objects(run("workers", "--json"))
    assert {"struct", "demo"} <= set(worker["types"])
    assert {"struct", "demo"} <= {each["type"] for each in _objects(run("types", "--json"))}
    assert run("workers").stdout.startswith("WORKER ")
    assert run("queues", "nobody").exit_code == 1


def test_list_says_what_is_missing_when_the_api_cannot_list_tasks(run: Run) -> None:
    listed = run("list", "--state", "archived")
    assert listed.exit_code == 1
    assert "cannot list tasks" in listed.stderr


def test_top_ends_after_its_refreshes(run: Run) -> None:
    shown = run("top", "--refreshes", "2", "--interval", "0.1", "--json")
    assert shown.exit_code == 0, shown.output
    assert [len(each["workers"]) for each in _objects(shown)] == [1, 1]
    assert "WORKER " in run("top", "--refreshes", "1").stdout


def test_doctor_finds_the_live_worker_and_its_handlers(run: Run) -> None:
    findings = {each["check"]: each for each in _objects(run("doctor", "--json"))}
    assert {findings[check]["level"] for check in ("api", "version", "clock", "store", "workers")} == {"ok"}
    assert "struct" in findings["queue library"]["found"]


def test_doctor_has_an_exit_code_when_the_api_does_not_answer() -> None:
    unused = f"http://127.0.0.1:{find_free_port()}"
    examined = CliRunner().invoke(app, ["doctor", "--url", unused])
    assert examined.exit_code == 6
    assert f"{unused} does not answer" in examined.stderr
