from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from redis._parsers.hiredis import _AsyncHiredisParser
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode, NodesManager, RedisCluster
from redis.asyncio.connection import AbstractConnection, Connection
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

from queuecore.store.client.connection import PackedConnection
from tests.support.declared_bound import assert_bounded_to_minor


def test_redis_is_bounded_to_the_installed_minor() -> None:
    assert_bounded_to_minor("taskyard-core", "redis")


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (AbstractConnection.pack_command, ["self", "args"]),
        (AbstractConnection.send_packed_command, ["self", "command", "check_health"]),
        (AbstractConnection.disconnect, ["self", "nowait", "error", "failure_count", "health_check_failed"]),
        (_AsyncHiredisParser.on_connect, ["self", "connection"]),
        (_AsyncHiredisParser.read_from_socket, ["self"]),
        (ConnectionPool.get_connection, ["self", "command_name", "keys", "options"]),
        (ConnectionPool.release, ["self", "connection"]),
        (Redis.execute_command, ["self", "args", "options"]),
        (RedisCluster.execute_command, ["self", "args", "kwargs"]),
        (RedisCluster.aclose, ["self"]),
    ],
    ids=lambda each: getattr(each, "__qualname__", ""),
)
def test_redis_method_has_the_parameters_of_ours_when_we_override_it(
    method: Callable[..., Any], parameters: list[str]
) -> None:
    assert list(inspect.signature(method).parameters) == parameters


@pytest.mark.parametrize(
    ("method", "arguments", "options"),
    [
        (AbstractConnection.send_packed_command, ["self", b"command", True], {}),
        (AbstractConnection.send_command, ["self", "PING"], {}),
        (AbstractConnection.connect_check_health, ["self"], {"check_health": False}),
        (AbstractConnection.read_response, ["self"], {}),
        (AbstractConnection.should_reconnect, ["self"], {}),
        (AbstractConnection.disconnect, ["self"], {"nowait": True}),
        (ConnectionPool.get_available_connection, ["self"], {}),
        (ConnectionPool.ensure_connection, ["self", "connection"], {}),
        (ClusterNode.disconnect, ["self"], {}),
        (ClusterNode.acquire_connection, ["self"], {}),
        (ClusterNode.disconnect_if_needed, ["self", "connection"], {}),
        (ClusterNode.disconnect_free_connections, ["self"], {}),
        (ClusterNode.release, ["self", "connection"], {}),
        (ClusterNode.execute_command, ["self", "PING"], {}),
        (NodesManager.move_slot, ["self", "error"], {}),
        (NodesManager.move_node_to_end_of_cached_nodes, ["self", "name"], {}),
        (AbstractConnection.pack_commands, ["self", [("PING",)]], {}),
        (RedisCluster.get_node_from_key, ["self", "key"], {}),
        (RedisCluster.get_primaries, ["self"], {}),
        (RedisCluster.initialize, ["self"], {}),
    ],
    ids=lambda each: getattr(each, "__qualname__", ""),
)
def test_redis_method_takes_the_arguments_when_we_call_it(
    method: Callable[..., Any], arguments: list[Any], options: dict[str, Any]
) -> None:
    inspect.signature(method).bind(*arguments, **options)


def test_redis_connection_keeps_its_writer() -> None:
    connection = Connection()
    assert connection._writer is None
    assert not connection.is_connected
    assert connection.health_check_interval == 0
    assert connection._active_read_timeout is None


def test_redis_cluster_passes_its_connection_class_to_new_nodes() -> None:
    cluster = RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", 1)])
    cluster.connection_kwargs["connection_class"] = PackedConnection
    (startup,) = cluster.nodes_manager.startup_nodes.values()
    assert startup.connection_class is Connection
    assert cluster.nodes_manager.connection_kwargs["connection_class"] is PackedConnection


def test_redis_pool_keeps_its_connections_in_two_collections() -> None:
    pool = ConnectionPool()
    lent = pool.get_available_connection()
    assert lent in pool._in_use_connections
    pool._in_use_connections.remove(lent)
    pool._available_connections.append(lent)
    assert pool.get_available_connection() is lent


def test_redis_sentinels_pool_names_its_sentinels() -> None:
    manager = Sentinel([("127.0.0.1", 1)])
    pool = SentinelConnectionPool("service", manager)
    assert pool.sentinel_manager is manager
    assert len(manager.sentinels) == 1


def test_redis_cluster_names_its_nodes_and_never_reads_them_again_when_told_so() -> None:
    node = ClusterNode("127.0.0.1", 1)
    cluster = RedisCluster(startup_nodes=[node], reinitialize_steps=0)
    assert cluster.reinitialize_steps == 0
    assert cluster._initialize is True
    assert list(cluster.nodes_manager.startup_nodes.values()) == [node]
    assert cluster.nodes_manager.nodes_cache == {}
