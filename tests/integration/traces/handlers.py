"""Handlers of the traced worker."""

from __future__ import annotations

import asyncio
from pathlib import Path

from opentelemetry import trace

from taskyard import Context, DoNotRetry, Taskyard

app = Taskyard()
_tracer = trace.get_tracer("of-a-handler")


def _look(context: Context) -> dict[str, str]:
    """Return the ids of the current span, and open another one."""
    with _tracer.start_as_current_span("inner"):
        pass
    context.logger.info("looked")
    here = trace.get_current_span().get_span_context()
    return {"trace": f"{here.trace_id:032x}", "span": f"{here.span_id:016x}"}


@app.task("look")
async def look(_: dict[str, object], context: Context) -> dict[str, str]:
    return _look(context)


@app.task("look:thread")
def look_in_thread(_: dict[str, object], context: Context) -> dict[str, str]:
    return _look(context)


@app.task("look:process", process=True)
def look_in_process(_: dict[str, object], context: Context) -> dict[str, str]:
    return _look(context)


@app.task("fail:once")
async def fail_once(_: dict[str, object], context: Context) -> str:
    if context.attempt == 1:
        raise ValueError("not yet \udce9")
    return "done"


class Untellable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@app.task("fail:untellable")
async def fail_without_text(_: dict[str, object]) -> None:
    raise Untellable


@app.task("refuse")
async def refuse(_: dict[str, object]) -> None:
    raise DoNotRetry("the account is closed")


@app.task("wait")
async def wait(payload: dict[str, str], context: Context) -> str:
    """Until there is a file."""
    context.progress("waiting")
    while not Path(payload["until"]).exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(0.01)
    return "waited"
