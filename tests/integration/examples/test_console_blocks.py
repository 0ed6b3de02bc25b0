"""Every curl command in the documentation is run, and must return the documented output.

A block is fenced as ``console``; what follows a line with ``$ curl`` is its output. ``...`` stands for anything, and
white space does not count. Reading is repeated until the answer is the one that is shown: tasks take a moment.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from queuecore.embedded import HOST
from queuecore.testing.waiting import eventually
from tests.support.standalone_process import StandaloneProcess

ROOT = Path(__file__).parents[3]
BASE_URL = "http://localhost:8080"
EXAMPLE = ROOT / "examples" / "01-first-handler"
PAGES = [ROOT / "README.md", ROOT / "docs" / "api.md", EXAMPLE / "README.md"]


class Call(NamedTuple):
    """A curl command and its documented output."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None
    shown: str

    async def send(self, client: httpx.AsyncClient) -> str:
        answer = await client.request(self.method, self.path, headers=self.headers, content=self.body)
        return answer.text

    def is_answered_by(self, text: str) -> bool:
        pattern = ".*".join(re.escape(_dense(part)) for part in self.shown.split("..."))
        return re.fullmatch(pattern, _dense(text)) is not None


def _dense(text: str) -> str:
    return re.sub(r"\s+", "", text)


def find_calls(page: Path) -> Iterator[Call]:
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            if command.startswith("curl "):
                yield _read(command, shown)


def _read(command: str, shown: str) -> Call:
    """The request that curl sends; fails on unknown options."""
    method, path, headers, body = "", "", {}, None
    words = iter(shlex.split(command)[1:])
    for word in words:
        match word:
            case "-s":
                pass
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                body = next(words)
            case _:
                assert word.startswith(BASE_URL), command
                path = word.removeprefix(BASE_URL)
    return Call(method or ("GET" if body is None else "POST"), path, headers, body, shown)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
async def test_curl_answers_as_the_page_shows(page: Path, tmp_path: Path) -> None:
    calls = list(find_calls(page))
    assert calls
    handlers = {"PYTHONPATH": str(EXAMPLE), "TASKYARD_WORKER_APPS": "tasks:app"}
    async with StandaloneProcess(tmp_path, handlers) as taskyard:
        await taskyard.until_ready()
        async with httpx.AsyncClient(base_url=f"http://{HOST}:{taskyard.port}", trust_env=False) as client:
            for call in calls:
                await _check(call, client)


async def _check(call: Call, client: httpx.AsyncClient) -> None:
    got = ""

    async def is_as_shown() -> bool:
        nonlocal got
        got = await call.send(client)
        return call.is_answered_by(got)

    try:
        # Only safe requests may be repeated.
        as_shown = await (eventually(is_as_shown) if call.method == "GET" else is_as_shown())
    except AssertionError:
        as_shown = False
    assert as_shown, f"{call.method} {call.path}\nshown: {call.shown}\ngot: {got}"
