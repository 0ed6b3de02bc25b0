"""Wait for the end of a task: read it again and again, less and less often.

Only this module decides how to wait, so another way replaces it alone.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from taskyard.client.core.answers import ResultOnly
from taskyard.client.core.call import Answer, Call, Pause, Steps
from taskyard.client.core.calls import wait_call
from taskyard.client.core.exchange import Environment, exchange
from taskyard.client.core.refusal import refusal
from taskyard.errors import NotConnected, ResultNotKept, ResultTimeout, TaskFailed, UnknownTask
from taskyard.request import Request
from taskyard.views import TaskInfo

R = TypeVar("R")

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 2.0
GROWTH = 1.5

_decode_task = msgspec.json.Decoder(TaskInfo)
_decode_result = msgspec.json.Decoder(ResultOnly)


def wait(task_id: str, queue: str | None, timeout_s: float | None, env: Environment) -> Steps[TaskInfo]:
    """Wait until a task has ended, and return it.

    Args:
        task_id: the task.
        queue: its queue; ``None``: any.
        timeout_s: the time limit; ``None``: none.
        env: the surroundings.

    Raises:
        ResultTimeout: it has not ended in time.
        UnknownTask: there is no such task.
        NotConnected: the API did not answer within the time limit of a call, and there is no time limit of the wait.
    """
    task, _ = yield from _wait(task_id, queue, timeout_s, env)
    return task


def wait_for_result(
    request: Request[R], task_id: str, queue: str, timeout_s: float | None, env: Environment
) -> Steps[R]:
    """Wait until a task has ended, and return its result; arguments as of :func:`wait`.

    Raises:
        TaskFailed: it is archived.
        ResultTimeout: it has not ended in time.
        ResultNotKept: it is gone.
        NotConnected: as of :func:`wait`.
    """
    try:
        task, answer = yield from _wait(task_id, queue, timeout_s, env)
    except UnknownTask as error:
        raise ResultNotKept(
            f"task {task_id} of type {request.type} is gone, and its result with it: its retention is over or 0, or "
            "it was deleted; give the task a longer retention to read its result"
        ) from error
    if task.state == "archived":
        raise TaskFailed(task)
    return request.decode_result(bytes(_decode_result.decode(answer.body).result))


def _wait(task_id: str, queue: str | None, timeout_s: float | None, env: Environment) -> Steps[tuple[TaskInfo, Answer]]:
    started_at = env.clock()
    call = wait_call(task_id, queue)
    pause_s = FIRST_PAUSE_S
    state = "unknown"
    while True:
        left_s = env.timeout_s if timeout_s is None else started_at + timeout_s - env.clock()
        try:
            answer = yield from exchange(call, env, min(left_s, env.timeout_s))
        except NotConnected:
            if timeout_s is None:
                raise
        else:
            task = _decode(call, answer, env)
            state = task.state
            if task.has_ended:
                return task, answer
        if timeout_s is not None and env.clock() + pause_s >= started_at + timeout_s:
            raise ResultTimeout(f"task {task_id} has not ended within {timeout_s:g}s: its state is {state}")
        yield Pause(pause_s)
        pause_s = min(pause_s * GROWTH, LONGEST_PAUSE_S)


def _decode(call: Call, answer: Answer, env: Environment) -> TaskInfo:
    try:
        return _decode_task.decode(answer.body)
    except msgspec.DecodeError as error:
        raise refusal(env.url, call, answer) from error
