"""Connections to the store of the settings: a single server, Sentinels or a Cluster."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from queuecore.errors import ConfigError
from queuecore.settings.shared import RedisSettings
from queuecore.store.client.cluster import ClusterClient
from queuecore.store.client.connection import (
    PackedConnection,
    PackedSentinelConnection,
    PackedSentinelSSLConnection,
    PackedSSLConnection,
)
from queuecore.store.client.server import Client, Server
from queuecore.store.client.single_server import SingleServerClient, SingleServerPool

DEFAULT_PORT = 6379
DEFAULT_SENTINEL_PORT = 26379


def connect(settings: RedisSettings) -> Server:
    """The store of the settings. It connects with its first call.

    Raises:
        ConfigError: the URL has none of the forms of ``TASKYARD_REDIS_URL``.
    """
    return Server(
        client=_client(settings, read_timeout_s=settings.timeout_ms / 1000),
        blocking=_client(settings, read_timeout_s=None),
        max_calls=settings.max_connections,
        timeout_ms=settings.timeout_ms,
    )


def _client(settings: RedisSettings, read_timeout_s: float | None) -> Client:
    url = urlsplit(settings.url)
    options = _options(settings, url, read_timeout_s)
    match url.scheme.split("+"):
        case ["redis" | "rediss"]:
            host, port = _addresses(url, DEFAULT_PORT)[0]
            kind = PackedSSLConnection if options.pop("ssl", False) else PackedConnection
            pool = SingleServerPool(connection_class=kind, host=host, port=port, db=_database(url.path), **options)
            client: Redis = SingleServerClient.from_pool(pool)
            return client
        case ["redis" | "rediss", "cluster"]:
            nodes = [ClusterNode(host, port) for host, port in _addresses(url, DEFAULT_PORT)]
            return ClusterClient(startup_nodes=nodes, **options)
        case ["redis" | "rediss", "sentinel"]:
            service, _, database = url.path.strip("/").partition("/")
            if not service:
                raise _bad_url("a Sentinel URL names the service, as in redis+sentinel://host:26379/mymaster/0")
            sentinel = Sentinel(
                _addresses(url, DEFAULT_SENTINEL_PORT),
                sentinel_kwargs={"socket_timeout": settings.timeout_ms / 1000},
            )
            options["connection_class"] = (
                PackedSentinelSSLConnection if options.get("ssl") else PackedSentinelConnection
            )
            master: Redis = sentinel.master_for(service, db=_database(database), **options)
            return master
    raise _bad_url(f"the scheme {url.scheme!r} is not known")


def _options(settings: RedisSettings, url: SplitResult, read_timeout_s: float | None) -> dict[str, Any]:
    options: dict[str, Any] = {
        "username": settings.username or (unquote(url.username) if url.username else None),
        "password": settings.password or (unquote(url.password) if url.password else None),
        "socket_timeout": read_timeout_s,
        "socket_connect_timeout": settings.connect_timeout_ms / 1000,
        "socket_keepalive": True,
        "protocol": 2,
        # One retry, at once, and only after a lost connection: a pooled one may date from before a restart. A call that
        # timed out may have succeeded; only the caller knows whether it can be repeated.
        "retry": Retry(NoBackoff(), retries=1, supported_errors=(RedisConnectionError,)),
    }
    if url.scheme.startswith("rediss"):
        options |= {"ssl": True, "ssl_ca_certs": str(settings.tls_ca_file) if settings.tls_ca_file else None}
    return options


def _addresses(url: SplitResult, default_port: int) -> list[tuple[str, int]]:
    hosts = url.netloc.rpartition("@")[2]
    try:
        parts = [urlsplit(f"//{host}") for host in hosts.split(",")]
        found = [(part.hostname, part.port or default_port) for part in parts]
    except ValueError as error:
        raise _bad_url(str(error)) from error
    if not all(host for host, _ in found):
        raise _bad_url("the host is missing")
    return [(host or "", port) for host, port in found]


def _database(path: str) -> int:
    text = path.strip("/") or "0"
    if not text.isdecimal():
        raise _bad_url(f"the database {text!r} is not a number")
    return int(text)


def _bad_url(why: str) -> ConfigError:
    return ConfigError(
        f"TASKYARD_REDIS_URL: {why}; it takes redis://[user:password@]host[:port][/database], rediss://..., "
        "redis+sentinel://host[:port][,host...]/service[/database] or redis+cluster://host[:port][,host...]"
    )
