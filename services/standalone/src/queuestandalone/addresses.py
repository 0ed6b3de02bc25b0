"""Addresses of the processes: hosts, ports and URLs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from queuestandalone.port import check_port, pick_ports
from queuestandalone.settings import StandaloneSettings

_LOOPBACK = "127.0.0.1"
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared, not listened on


@dataclass(frozen=True)
class Addresses:
    """The addresses of all processes."""

    api_host: str
    api_port: int
    scheduler_probe_port: int
    worker_probe_port: int
    redis_url: str

    @property
    def api_url(self) -> str:
        """The API's URL for clients on this machine."""
        host = _LOOPBACK if self.api_host in _WILDCARDS else self.api_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.api_port}"

    @property
    def scheduler_probe_url(self) -> str:
        """The URL of the scheduler's probes."""
        return f"http://{_LOOPBACK}:{self.scheduler_probe_port}"

    @property
    def worker_probe_url(self) -> str:
        """The URL of the worker's probes."""
        return f"http://{_LOOPBACK}:{self.worker_probe_port}"

    @property
    def shown_redis_url(self) -> str:
        """The store's URL without its password, for people."""
        parts = urlsplit(self.redis_url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def variables(self) -> dict[str, str]:
        """The environment variables that pass the addresses to the services."""
        return {
            "TASKYARD_REDIS_URL": self.redis_url,
            "TASKYARD_API_HOST": self.api_host,
            "TASKYARD_API_PORT": str(self.api_port),
            "TASKYARD_SCHEDULER_PROBE_HOST": _LOOPBACK,
            "TASKYARD_SCHEDULER_PROBE_PORT": str(self.scheduler_probe_port),
            "TASKYARD_WORKER_PROBE_HOST": _LOOPBACK,
            "TASKYARD_WORKER_PROBE_PORT": str(self.worker_probe_port),
        }


def assign_addresses(settings: StandaloneSettings, redis_url: str) -> Addresses:
    """Check the configured ports and pick free ones for the rest.

    Raises:
        ConfigError: a configured port cannot be used.
    """
    configured = {
        "TASKYARD_API_PORT": (settings.api_host, settings.api_port),
        "TASKYARD_SCHEDULER_PROBE_PORT": (_LOOPBACK, settings.scheduler_probe_port),
        "TASKYARD_WORKER_PROBE_PORT": (_LOOPBACK, settings.worker_probe_port),
    }
    for variable, (host, port) in configured.items():
        if port is not None:
            check_port(host, port, variable)
    free = pick_ports(2)
    return Addresses(
        api_host=settings.api_host,
        api_port=settings.api_port,
        scheduler_probe_port=settings.scheduler_probe_port or free[0],
        worker_probe_port=settings.worker_probe_port or free[1],
        redis_url=redis_url,
    )
