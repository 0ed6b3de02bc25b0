import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import pytest
import structlog
from opentelemetry import trace

from queuecore.observe.logs import configure_logging
from queuecore.settings.variable import Secret


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _untouched_process() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    # Otherwise pytest's own handlers would be closed.
    root.handlers = []
    yield
    logging.captureWarnings(capture=False)
    root.handlers, sys.excepthook = handlers, hook
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def only_line_of(stream: io.StringIO) -> dict[str, Any]:
    (line,) = lines_of(stream)
    return line


def test_log_line_is_a_json_object_with_fixed_fields_first(stream: io.StringIO) -> None:
    configure_logging("api", stream=stream)
    structlog.get_logger().bind(queue="default").info("task_enqueued", task_id="t1", attempts=2)
    line = only_line_of(stream)
    assert list(line)[:4] == ["time", "level", "service", "event"]
    time = line.pop("time")
    assert datetime.fromisoformat(time).tzinfo == UTC
    assert len(time) == len("2024-01-15T10:00:00.000Z")
    assert line == {
        "level": "info",
        "service": "api",
        "event": "task_enqueued",
        "queue": "default",
        "task_id": "t1",
        "attempts": 2,
    }


@pytest.mark.parametrize(("level", "events"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_log_line_is_left_out_when_its_level_is_off(stream: io.StringIO, level: str, events: int) -> None:
    configure_logging("api", level, stream=stream)
    log = structlog.get_logger()
    for method in (log.debug, log.info, log.warning, log.error):
        method("event")
    assert len(lines_of(stream)) == events


def test_log_line_has_context_variables_when_bound(stream: io.StringIO) -> None:
    configure_logging("worker", stream=stream)
    with structlog.contextvars.bound_contextvars(trace_id="abc"):
        structlog.get_logger().info("inside")
    assert only_line_of(stream)["trace_id"] == "abc"


def test_log_line_has_the_exception_in_one_field_when_one_is_raised(stream: io.StringIO) -> None:
    configure_logging("worker", stream=stream)
    try:
        int("bad\nvalue")
    except ValueError:
        structlog.get_logger().exception("task_failed")
    line = only_line_of(stream)
    assert line["level"] == "error"
    assert line["error"] == r"ValueError: invalid literal for int() with base 10: 'bad\nvalue'"
    assert line["traceback"].startswith("Traceback (most recent call last):")
    assert "exc_info" not in line


def test_log_line_has_the_exception_when_one_is_passed(stream: io.StringIO) -> None:
    configure_logging("worker", stream=stream)
    structlog.get_logger().error("role_failed", exc_info=KeyError("x"))
    assert only_line_of(stream)["error"] == "KeyError: 'x'"


@pytest.mark.parametrize("exc_info", [None, False, True, (None, None, None)])
def test_log_line_has_no_error_when_there_is_none(stream: io.StringIO, exc_info: object) -> None:
    configure_logging("worker", stream=stream)
    structlog.get_logger().info("fine", exc_info=exc_info)
    assert not {"error", "traceback", "exc_info"} & set(only_line_of(stream))


def test_log_line_keeps_the_given_error_when_there_is_an_exception_too(stream: io.StringIO) -> None:
    configure_logging("worker", stream=stream)
    structlog.get_logger().warning("odd", error="in other words", exc_info=ValueError("x"))
    assert only_line_of(stream)["error"] == "in other words"


class Order(msgspec.Struct):
    card: str


@pytest.mark.parametrize("payload", [b"4111", bytearray(b"4111"), Order(card="4111")])
def test_log_line_names_the_type_only_when_a_value_may_be_a_payload(stream: io.StringIO, payload: object) -> None:
    configure_logging("worker", stream=stream)
    structlog.get_logger().info("odd", payload=payload)
    assert only_line_of(stream)["payload"] == f"<{type(payload).__name__}>"


@pytest.mark.parametrize("value", [Secret("hunter2"), [Secret("hunter2")]])
def test_log_line_shows_no_secret(stream: io.StringIO, value: object) -> None:
    configure_logging("worker", stream=stream)
    structlog.get_logger().info("connected", password=value)
    assert "hunter2" not in stream.getvalue()
    assert "***" in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "human"])
@pytest.mark.parametrize(
    "url", ["redis://app:hunter2@valkey:6379/0", "rediss+sentinel://:hunter2@a,b/x", "https://hunter2@host"]
)
def test_log_line_shows_no_password_of_a_url(stream: io.StringIO, form: Literal["json", "human"], url: str) -> None:
    configure_logging("worker", form=form, stream=stream)
    structlog.get_logger().error(f"cannot reach {url}", url=url, exc_info=ConnectionError(f"no route to {url}"))
    logging.getLogger("library").warning("lost %s", url)
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("://***@") >= 4


def test_log_line_keeps_texts_when_they_only_resemble_a_password(stream: io.StringIO) -> None:
    configure_logging("worker", stream=stream)
    structlog.get_logger().info("told", url="http://host:8080/a@b", mail="me@example.org")
    line = only_line_of(stream)
    assert (line["url"], line["mail"]) == ("http://host:8080/a@b", "me@example.org")


def test_log_line_names_trace_and_span_inside_of_a_span(stream: io.StringIO) -> None:
    configure_logging("worker", stream=stream)
    place = trace.SpanContext(trace_id=0xA, span_id=0xB, is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(place)):
        structlog.get_logger().info("inside")
        logging.getLogger("library").warning("inside too")
    structlog.get_logger().info("outside")
    *inside, outside = lines_of(stream)
    for line in inside:
        assert (line["trace_id"], line["span_id"]) == (f"{0xA:032x}", f"{0xB:016x}")
    assert not {"trace_id", "span_id"} & set(outside)


@pytest.mark.parametrize("value", ["\ud800", {("a", "b"): 1}, {1, 2}, object(), float("nan"), 2**80])
def test_log_line_is_written_when_a_value_is_odd(stream: io.StringIO, value: object) -> None:
    configure_logging("worker", stream=stream)
    structlog.get_logger().info("odd", value=value)
    assert only_line_of(stream)["event"] == "odd"


def test_log_line_of_another_library_has_the_same_form(stream: io.StringIO) -> None:
    configure_logging("api", stream=stream)
    logging.getLogger("uvicorn").warning("%d workers", 2, extra={"pid": 7})
    logging.getLogger("uvicorn").info("quiet")
    first, second = lines_of(stream)
    assert list(first)[:4] == ["time", "level", "service", "event"]
    assert first.pop("time") <= second["time"]
    assert first == {"level": "warning", "service": "api", "event": "2 workers", "logger": "uvicorn", "pid": 7}


def test_log_line_has_the_exception_when_another_library_logs_one(stream: io.StringIO) -> None:
    configure_logging("api", stream=stream)
    try:
        int("bad")
    except ValueError:
        logging.getLogger("asyncio").exception("never retrieved")
    line = only_line_of(stream)
    assert line["error"] == "ValueError: invalid literal for int() with base 10: 'bad'"
    assert "Traceback" in line["traceback"]


def test_log_line_of_another_library_is_left_out_when_its_level_is_off(stream: io.StringIO) -> None:
    configure_logging("api", "warning", stream=stream)
    logging.getLogger("uvicorn").info("quiet")
    assert stream.getvalue() == ""


def test_log_line_is_left_out_when_a_library_logs_each_request(stream: io.StringIO) -> None:
    configure_logging("api", "debug", stream=stream)
    logging.getLogger("httpx").info("HTTP Request: GET https://example.org")
    logging.getLogger("httpcore.http11").debug("receive_response_headers.complete")
    assert stream.getvalue() == ""


def test_warnings_are_logged(stream: io.StringIO) -> None:
    configure_logging("api", stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "DeprecationWarning: old" in only_line_of(stream)["event"]


def test_crash_is_logged_as_one_line(stream: io.StringIO) -> None:
    configure_logging("api", stream=stream)
    sys.excepthook(ValueError, ValueError("bad"), None)
    line = only_line_of(stream)
    assert (line["level"], line["event"], line["error"]) == ("critical", "crashed", "ValueError: bad")


def test_form_is_human_when_the_stream_is_a_terminal() -> None:
    stream = Terminal()
    configure_logging("api", stream=stream)
    structlog.get_logger().info("started", port=8080)
    text = stream.getvalue()
    assert "started" in text
    assert not text.startswith("{")
    assert text.count("\n") == 1


def test_form_is_json_when_asked_for_on_a_terminal() -> None:
    stream = Terminal()
    configure_logging("api", form="json", stream=stream)
    structlog.get_logger().info("started")
    assert only_line_of(stream)["event"] == "started"


def test_human_form_shows_no_local_variables_when_there_is_an_exception(stream: io.StringIO) -> None:
    configure_logging("api", form="human", stream=stream)
    try:
        payload = "41" + "11"
        payload.index("x")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError: substring not found" in stream.getvalue()
    assert "4111" not in stream.getvalue()
