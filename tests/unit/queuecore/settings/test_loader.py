from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from queuecore.domain.durability import MEMORY, Durability
from queuecore.errors import ConfigError
from queuecore.settings.loader import VariableRow, describe, load, load_or_exit
from queuecore.settings.shared import LogSettings, RedisSettings
from queuecore.settings.variable import DurabilityLevel, DurationMs, Secret, SizeBytes, named

PREFIX = "TASKYARD_DEMO_"


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class StoreGroup(msgspec.Struct, frozen=True, kw_only=True):
    url: Annotated[str, Meta(pattern=r"^redis://", examples=["redis://host:6379"])] = "redis://127.0.0.1"
    password: Annotated[Secret | None, Meta(description="Of the store.")] = None


class DemoSettings(msgspec.Struct, frozen=True, kw_only=True):
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port.")] = 8080
    name: str = "demo"
    ratio: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    debug: bool = False
    form: Literal["json", "human"] = "json"
    colour: Colour = Colour.RED
    data_dir: Annotated[Path, Meta(extra=named("TASKYARD_DATA_DIR"))] = Path(".taskyard")
    queues: tuple[str, ...] = ("default",)
    drain_ms: Annotated[DurationMs, Meta(ge=1, le=60_000)] = 10_000
    idle_ms: Annotated[DurationMs | None, Meta(description="Off when not set.")] = None
    body_bytes: Annotated[SizeBytes, Meta(ge=1024)] = 1_048_576
    labels: tuple[str, ...] = msgspec.field(default_factory=tuple)
    durability: DurabilityLevel = MEMORY
    store: StoreGroup


def read(environ: Mapping[str, str]) -> DemoSettings:
    return load(DemoSettings, environ, PREFIX)


def problems_of(environ: Mapping[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(environ)
    return str(caught.value).splitlines()


def test_settings_are_the_defaults_when_nothing_is_set() -> None:
    assert read({}) == DemoSettings(store=StoreGroup())


def test_settings_are_read_from_the_environment_when_set() -> None:
    assert read(
        {
            "TASKYARD_DEMO_PORT": " 80 ",
            "TASKYARD_DEMO_NAME": "null",
            "TASKYARD_DEMO_RATIO": "0.25",
            "TASKYARD_DEMO_DEBUG": "True",
            "TASKYARD_DEMO_FORM": "HUMAN",
            "TASKYARD_DEMO_COLOUR": "green",
            "TASKYARD_DATA_DIR": "/data",
            "TASKYARD_DEMO_QUEUES": "critical:6, default:3,",
            "TASKYARD_DEMO_DRAIN": "1.5s",
            "TASKYARD_DEMO_IDLE": "1h",
            "TASKYARD_DEMO_BODY": "2KiB",
            "TASKYARD_DEMO_LABELS": "a",
            "TASKYARD_DEMO_DURABILITY": "replicas:2",
            "TASKYARD_STORE_URL": "redis://store",
            "TASKYARD_STORE_PASSWORD": " pass word ",
            "HOME": "/root",
        }
    ) == DemoSettings(
        port=80,
        name="null",
        ratio=0.25,
        debug=True,
        form="human",
        colour=Colour.GREEN,
        data_dir=Path("/data"),
        queues=("critical:6", "default:3"),
        drain_ms=1_500,
        idle_ms=3_600_000,
        body_bytes=2_048,
        labels=("a",),
        durability=Durability("replicas", 2),
        store=StoreGroup(url="redis://store", password=Secret(" pass word ")),
    )


def test_settings_are_the_defaults_when_variables_are_empty() -> None:
    assert read({"TASKYARD_DEMO_PORT": "", "TASKYARD_DEMO_QUEUES": " ", "TASKYARD_STORE_PASSWORD": ""}) == read({})


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("TASKYARD_DEMO_PORT", "http", "expected an integer, at least 0, at most 65535, got 'http'"),
        ("TASKYARD_DEMO_PORT", "65536", "expected an integer, at least 0, at most 65535, got '65536'"),
        (
            "TASKYARD_DEMO_PORT",
            "tcp://10.0.0.1:80",
            "expected an integer, at least 0, at most 65535, or enableServiceLinks: false in the pod, got 'tcp://",
        ),
        ("TASKYARD_DEMO_RATIO", "1", "expected a number, more than 0, less than 1, got '1'"),
        ("TASKYARD_DEMO_DEBUG", "yes", "expected true or false, got 'yes'"),
        ("TASKYARD_DEMO_COLOUR", "blue", "expected one of red, green, got 'blue'"),
        ("TASKYARD_DEMO_DRAIN", "2m", "expected a duration such as 30s, at least 1ms, at most 1m0s, got '2m'"),
        ("TASKYARD_DEMO_DRAIN", "10", "expected a duration such as 30s, 5m, 1h30m or 500ms, got '10'"),
        ("TASKYARD_DEMO_BODY", "1kB", "expected a size such as 1MiB, at least 1KiB, got '1kB'"),
        ("TASKYARD_DEMO_BODY", "big", "expected a size such as 1MiB, 512KiB or 1048576, got 'big'"),
        ("TASKYARD_DEMO_DURABILITY", "disk", "expected memory, fsync or replicas:N with N from 1 to 99, got 'disk'"),
        ("TASKYARD_STORE_URL", "host:1", "expected a text, such as redis://host:6379, got 'host:1'"),
    ],
)
def test_problem_names_variable_and_what_it_takes_when_a_value_is_wrong(variable: str, text: str, problem: str) -> None:
    (line,) = problems_of({variable: text})
    assert line.startswith(f"{variable}: {problem}")


def test_problems_are_reported_together_when_there_are_several() -> None:
    environ = {"TASKYARD_DEMO_PORT": "x", "TASKYARD_DEMO_FORM": "x", "TASKYARD_STORE_URL": "x", "TASKYARD_DEMO_X": "x"}
    assert sorted(line.partition(":")[0] for line in problems_of(environ)) == sorted(environ)


def test_problem_suggests_the_nearest_name_when_a_variable_is_unknown() -> None:
    assert problems_of({"TASKYARD_DEMO_PROT": "80", "TASKYARD_STORE_ULR": "x"}) == [
        "TASKYARD_DEMO_PROT: there is no such variable; did you mean TASKYARD_DEMO_PORT?",
        "TASKYARD_STORE_ULR: there is no such variable; did you mean TASKYARD_STORE_URL?",
    ]


def test_variables_are_passed_over_when_they_are_not_ours() -> None:
    environ = {
        "TASKYARD_OTHER_PORT": "x",
        "TASKYARD_DEMO_SERVICE_HOST": "10.0.0.1",
        "TASKYARD_DEMO_SERVICE_PORT_HTTP": "80",
        "TASKYARD_DEMO_METRICS_PORT": "tcp://10.0.0.1:80",
        "TASKYARD_DEMO_PORT_80_TCP": "tcp://10.0.0.1:80",
        "TASKYARD_DEMO_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert read(environ) == read({})


def test_problem_hides_the_password_when_it_is_part_of_a_url() -> None:
    (problem,) = problems_of({"TASKYARD_STORE_URL": "http://user:hun/ter2@host"})
    assert problem.endswith("got 'http://***@host'")


def test_secret_is_read_from_a_file_when_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    assert read({"TASKYARD_STORE_PASSWORD_FILE": str(path)}).store.password == "hunter2"


def test_problem_names_the_file_when_a_secret_cannot_be_read(tmp_path: Path) -> None:
    (problem,) = problems_of({"TASKYARD_STORE_PASSWORD_FILE": str(tmp_path / "none")})
    assert problem.startswith("TASKYARD_STORE_PASSWORD_FILE: expected a text file that can be read")


def test_problem_shows_no_secret_when_it_is_given_twice() -> None:
    (problem,) = problems_of({"TASKYARD_STORE_PASSWORD": "hunter2", "TASKYARD_STORE_PASSWORD_FILE": "/secret"})
    assert "as TASKYARD_STORE_PASSWORD is set too" in problem
    assert "hunter2" not in problem


def test_secret_is_not_shown_when_settings_are_printed() -> None:
    assert "hunter2" not in repr(read({"TASKYARD_STORE_PASSWORD": "hunter2"}))


class StrictSettings(msgspec.Struct, frozen=True, kw_only=True):
    token: Annotated[str, Meta(description="Proof.")]
    low: int = 1
    high: int = 2

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("TASKYARD_STRICT_LOW: must not be above TASKYARD_STRICT_HIGH")


def test_problem_names_the_variable_when_it_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"^TASKYARD_STRICT_TOKEN: must be set; it takes a text$"):
        load(StrictSettings, {}, "TASKYARD_STRICT_")


def test_problem_is_the_rule_s_own_when_fields_do_not_fit_together() -> None:
    with pytest.raises(ConfigError, match=r"^TASKYARD_STRICT_LOW: must not be above TASKYARD_STRICT_HIGH$"):
        load(StrictSettings, {"TASKYARD_STRICT_TOKEN": "x", "TASKYARD_STRICT_LOW": "3"}, "TASKYARD_STRICT_")


def test_process_exits_with_code_2_when_the_configuration_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        load_or_exit(DemoSettings, PREFIX, {"TASKYARD_DEMO_PORT": "x"})
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "The configuration cannot be used.",
        "TASKYARD_DEMO_PORT: expected an integer, at least 0, at most 65535, got 'x'",
    ]


def test_description_has_a_row_for_each_variable() -> None:
    rows = {row.name: row for row in describe(DemoSettings, PREFIX)}
    assert list(rows) == [
        "TASKYARD_DEMO_PORT",
        "TASKYARD_DEMO_NAME",
        "TASKYARD_DEMO_RATIO",
        "TASKYARD_DEMO_DEBUG",
        "TASKYARD_DEMO_FORM",
        "TASKYARD_DEMO_COLOUR",
        "TASKYARD_DATA_DIR",
        "TASKYARD_DEMO_QUEUES",
        "TASKYARD_DEMO_DRAIN",
        "TASKYARD_DEMO_IDLE",
        "TASKYARD_DEMO_BODY",
        "TASKYARD_DEMO_LABELS",
        "TASKYARD_DEMO_DURABILITY",
        "TASKYARD_STORE_URL",
        "TASKYARD_STORE_PASSWORD",
        "TASKYARD_STORE_PASSWORD_FILE",
    ]
    assert rows["TASKYARD_DEMO_PORT"] == VariableRow(
        "TASKYARD_DEMO_PORT", "an integer, at least 0, at most 65535", "8080", "TCP port."
    )


def test_description_writes_defaults_as_one_would_set_them() -> None:
    defaults = {row.name.removeprefix(PREFIX): row.default for row in describe(DemoSettings, PREFIX)}
    assert defaults["DEBUG"] == "false"
    assert defaults["COLOUR"] == "red"
    assert defaults["QUEUES"] == "default"
    assert defaults["DRAIN"] == "10s"
    assert defaults["IDLE"] == ""
    assert defaults["BODY"] == "1MiB"
    assert defaults["LABELS"] == ""
    assert defaults["TASKYARD_DATA_DIR"] == ".taskyard"


def test_description_says_required_when_there_is_no_default() -> None:
    assert next(describe(StrictSettings, "TASKYARD_STRICT_")).default == "(required)"


class SharedSettings(msgspec.Struct, frozen=True, kw_only=True):
    redis: RedisSettings
    log: LogSettings


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "rediss://user:password@host",
        "redis+sentinel://a:26379,b:26379/mymaster/0",
        "rediss+sentinel://a/mymaster",
        "redis+cluster://a:6379,b:6379",
        "rediss+cluster://a",
    ],
)
def test_redis_url_is_taken_when_its_scheme_is_known(url: str) -> None:
    assert load(SharedSettings, {"TASKYARD_REDIS_URL": url}, "TASKYARD_X_").redis.url == url


@pytest.mark.parametrize("url", ["valkey://host", "http://host", "host:6379", "redis+other://host", "unix:///socket"])
def test_redis_url_is_refused_when_its_scheme_is_not_known(url: str) -> None:
    with pytest.raises(ConfigError, match="TASKYARD_REDIS_URL: expected"):
        load(SharedSettings, {"TASKYARD_REDIS_URL": url}, "TASKYARD_X_")


def test_shared_settings_have_a_description_for_each_variable() -> None:
    assert [row.name for row in describe(SharedSettings, "TASKYARD_X_") if not row.description] == []


def test_shared_settings_keep_their_defaults() -> None:
    settings = load(SharedSettings, {}, "TASKYARD_X_")
    assert settings == SharedSettings(
        redis=RedisSettings(
            url="redis://127.0.0.1:6379/0",
            username=None,
            password=None,
            tls_ca_file=None,
            timeout_ms=1_500,
            connect_timeout_ms=1_000,
            max_connections=64,
        ),
        log=LogSettings(level="info", format="auto"),
    )
