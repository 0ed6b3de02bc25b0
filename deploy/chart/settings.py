"""The services' settings as values of the chart."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from queueapi.settings import PREFIX as API_PREFIX
from queueapi.settings import ApiSettings
from queuecontroller.settings import PREFIX as CONTROLLER_PREFIX
from queuecontroller.settings import ControllerSettings
from queuecore.settings.loader import VariableRow, describe
from queuecore.settings.shared import RedisSettings
from queuescheduler.settings import PREFIX as SCHEDULER_PREFIX
from queuescheduler.settings import SchedulerSettings
from queueworker.settings import PREFIX as WORKER_PREFIX
from queueworker.settings import WorkerSettings

REDIS_PREFIX = "TASKYARD_REDIS_"


class SettingsBlock(NamedTuple):
    """A map in the chart's values whose keys are the settings of a service."""

    path: tuple[str, ...]
    kind: type[msgspec.Struct]
    prefix: str
    set_elsewhere: frozenset[str]
    """Variables, without the prefix, set by other values or by the chart itself."""

    def rows(self) -> dict[str, VariableRow]:
        """Settings by key."""
        return {
            camel_case(row.name.removeprefix(self.prefix)): row
            for row in describe(self.kind, self.prefix)
            if row.name.startswith(self.prefix) and row.name.removeprefix(self.prefix) not in self.set_elsewhere
        }

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the map."""
        keys = {key: _schema(row) for key, row in sorted(self.rows().items())}
        return {"type": "object", "additionalProperties": False, "properties": keys}


_PROBES = frozenset({"PROBE_HOST", "PROBE_PORT"})

BLOCKS = (
    SettingsBlock(("api", "settings"), ApiSettings, API_PREFIX, frozenset({"HOST", "PORT", "DRAIN"})),
    SettingsBlock(("scheduler", "settings"), SchedulerSettings, SCHEDULER_PREFIX, _PROBES),
    SettingsBlock(("worker", "settings"), WorkerSettings, WORKER_PREFIX, _PROBES | {"DRAIN", "QUEUES", "SLOTS"}),
    SettingsBlock(("controller", "settings"), ControllerSettings, CONTROLLER_PREFIX, _PROBES | {"NAMESPACES"}),
    SettingsBlock(
        ("redisClient",),
        RedisSettings,
        REDIS_PREFIX,
        frozenset({"URL", "USERNAME", "PASSWORD", "PASSWORD_FILE", "TLS_CA_FILE"}),
    ),
)


def camel_case(variable: str) -> str:
    """``MAX_PAYLOAD`` as ``maxPayload``."""
    first, *others = variable.lower().split("_")
    return first + "".join(map(str.capitalize, others))


def _schema(row: VariableRow) -> dict[str, Any]:
    """JSON Schema of a setting; the service itself validates the rest and names the variable in its message."""
    takes = row.takes
    meaning = {"description": f"{row.description} Takes {takes}."}
    if takes.startswith("one of "):
        return {"enum": [*takes.removeprefix("one of ").split(", "), None], **meaning}
    if takes.startswith("an integer"):
        return {"type": ["integer", "null"], **meaning}
    if takes.startswith("a number"):
        return {"type": ["number", "null"], **meaning}
    if takes == "true or false":
        return {"type": ["boolean", "null"], **meaning}
    if takes.startswith("a list"):
        return {"type": ["array", "null"], "items": {"type": "string"}, **meaning}
    return {"type": ["string", "null"], **meaning}
