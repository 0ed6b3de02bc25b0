from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from queuestandalone.addresses import Addresses
from queuestandalone.banner import format_banner

_ADDRESSES = Addresses(
    api_host="127.0.0.1",
    api_port=8080,
    scheduler_probe_port=9091,
    worker_probe_port=9092,
    redis_url="redis://:secret@store:6379/0",
)


def test_banner_names_every_url_when_all_processes_run() -> None:
    text = format_banner(_ADDRESSES, Path("/data"))

    for url in (
        "http://127.0.0.1:8080/schema",
        "http://127.0.0.1:8080/metrics",
        "http://127.0.0.1:9091/ready",
        "http://127.0.0.1:9092/ready",
        "/data",
    ):
        assert url in text


def test_banner_reads_the_task_that_it_sends_when_its_commands_are_copied() -> None:
    text = format_banner(_ADDRESSES, Path("/data"))

    body = re.search(r"-d '(.+)'", text)
    assert body is not None
    task = json.loads(body[1])
    assert task["type"] == "demo"
    assert f"curl -s http://127.0.0.1:8080/api/v1/tasks/{task['task_id']}\n" in text


def test_banner_sends_another_task_when_formatted_again() -> None:
    assert format_banner(_ADDRESSES, Path("/data")) != format_banner(_ADDRESSES, Path("/data"))


def test_banner_hides_the_password_when_the_store_has_one() -> None:
    assert "secret" not in format_banner(_ADDRESSES, Path("/data"))


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8080"), ("::1", "http://[::1]:8080"), ("::", "http://127.0.0.1:8080")],
)
def test_api_url_is_callable_when_the_host_is_a_wildcard_or_ipv6(host: str, url: str) -> None:
    assert replace(_ADDRESSES, api_host=host).api_url == url
