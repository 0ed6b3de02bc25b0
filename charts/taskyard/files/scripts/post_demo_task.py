"""Script of `helm test`: enqueues a task of the type demo and waits for its completion.

Arguments: the URL of the API, and a queue whose workers run the demo. Uses the standard library only, so that it runs
in every image of the release.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException

PATIENCE_S = 60
_PAUSE_S = 0.2


def ask(url: str, body: object = None) -> dict[str, object]:
    """Send a GET, or a POST with a body, and return the decoded response."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def try_demo(api: str, queue: str) -> str:
    """Enqueue a task and wait for its completion.

    Returns:
        Its id.
    """
    deadline = time.monotonic() + PATIENCE_S
    task = {"type": "demo", "payload": {"message": "helm test", "count": 1}, "queue": queue}
    # The API rejects the type until a worker has registered it.
    task_id = str(_until(deadline, lambda: ask(f"{api}/api/v1/tasks", task))["task_id"])
    while True:
        found = _until(deadline, lambda: ask(f"{api}/api/v1/tasks/{task_id}"))
        if found["state"] == "completed":
            return task_id
        if found["state"] == "archived" or time.monotonic() > deadline:
            raise SystemExit(f"the task has not completed: {json.dumps(found)}")
        time.sleep(_PAUSE_S)


def _until(deadline: float, attempt: Callable[[], dict[str, object]]) -> dict[str, object]:
    while True:
        try:
            return attempt()
        except (OSError, HTTPException) as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"the api does not answer as it should: {_say(error)}") from error
        time.sleep(_PAUSE_S)


def _say(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"{error} {error.read().decode(errors='replace')}"
    return str(error)


if __name__ == "__main__":
    sys.stdout.write(f"task {try_demo(*sys.argv[1:])} has completed\n")
