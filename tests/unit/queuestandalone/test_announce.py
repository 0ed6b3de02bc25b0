from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from queuestandalone.announce import describe_place
from queuestandalone.place import Place

_PLACE = Place(
    api_host="127.0.0.1",
    api_port=8080,
    scheduler_probe_port=9091,
    worker_probe_port=9092,
    redis_url="redis://:secret@store:6379/0",
)


def test_announcement_names_every_address_when_all_runs() -> None:
    text = describe_place(_PLACE, Path("/data"))

    for url in (
        "http://127.0.0.1:8080/schema",
        "http://127.0.0.1:8080/metrics",
        "http://127.0.0.1:9091/ready",
        "http://127.0.0.1:9092/ready",
        "/data",
    ):
        assert url in text


def test_announcement_asks_for_the_task_that_it_sends_when_its_commands_are_copied() -> None:
    text = describe_place(_PLACE, Path("/data"))

    body = re.search(r"-d '(.+)'", text)
    assert body is not None
    task = json.loads(body[1])
    assert task["type"] == "demo"
    assert f"curl -s http://127.0.0.1:8080/api/v1/tasks/{task['task_id']}\n" in text


def test_announcement_sends_another_task_when_made_again() -> None:
    assert describe_place(_PLACE, Path("/data")) != describe_place(_PLACE, Path("/data"))


def test_announcement_keeps_the_password_when_the_store_has_one() -> None:
    assert "secret" not in describe_place(_PLACE, Path("/data"))


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8080"), ("::1", "http://[::1]:8080"), ("::", "http://127.0.0.1:8080")],
)
def test_api_url_can_be_called_when_the_host_is_not_an_address_to_call(host: str, url: str) -> None:
    assert replace(_PLACE, api_host=host).api_url == url
