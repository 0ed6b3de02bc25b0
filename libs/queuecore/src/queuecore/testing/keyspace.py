"""The whole content of a store as plain data, and its invariants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from queuecore.store.client.server import Server
from queuecore.store.scripts.call import Argument


async def on_all_nodes(server: Server, name: str, *arguments: Argument) -> Any:
    """Run a command without keys, on a Cluster on each primary.

    Args:
        server: the store.
        name: the command, with all its words.
        arguments: its arguments.
    """
    if not server.is_cluster:
        return await server.command(name, *arguments)
    nodes: Any = server.client
    return await nodes.execute_command(name, *arguments, target_nodes="primaries")


async def empty(server: Server) -> None:
    """Delete everything."""
    await on_all_nodes(server, "FLUSHALL")


async def read_keyspace(server: Server) -> dict[str, Any]:
    """Every key of the database with its value: strings as bytes, sorted sets and hashes as dicts, lists, sets.

    Each node is read at one moment. All keys of a queue are on one node, so its tasks may change state meanwhile.
    """
    answers = await on_all_nodes(server, "EVAL", _READ_ALL, 0)
    nodes = answers.values() if isinstance(answers, dict) else [answers]
    return {key.decode(): _read_value(key, kind, value) for node in nodes for key, kind, value in node}


_READ_ALL = """
local readers = {
  string = function(key) return redis.call('GET', key) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
  hash = function(key) return redis.call('HGETALL', key) end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  set = function(key) return redis.call('SMEMBERS', key) end,
}
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  local read = readers[kind]
  found[#found + 1] = { key, kind, read and read(key) or false }
end
return found
"""


def _read_value(key: bytes, kind: bytes, value: Any) -> Any:
    match kind:
        case b"string" | b"list":
            return value
        case b"zset":
            return {member.decode(): float(score) for member, score in _pairs(value)}
        case b"hash":
            return {field.decode(): each for field, each in _pairs(value)}
        case b"set":
            return {member.decode() for member in value}
        case other:
            raise AssertionError(f"{key!r} is a {other!r}")


def _pairs(flat: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)


STATES = ("pending", "active", "scheduled", "retry", "archived", "completed")


def find_contradictions(keyspace: dict[str, Any]) -> list[str]:
    """The violated invariants of a store, each a sentence.

    Every task is in exactly one state; the store has nothing of a task that does not exist; the holder of a lock has
    not ended; the sum of the envelopes is right, or too large where some were lost.
    """
    found = []
    for queue in {key.partition("}")[0] + "}:" for key in keyspace if key.startswith("taskyard:{")}:
        states = {state: keyspace.get(queue + state, {}) for state in STATES}
        ids = [task_id for members in states.values() for task_id in members]
        found += [f"{task_id} is in more than one state" for task_id in set(ids) if ids.count(task_id) > 1]
        envelopes = _suffixes(keyspace, queue + "t:")
        found += [f"{task_id} has no envelope" for task_id in set(ids) - envelopes]
        found += [f"{task_id} has an envelope and no state" for task_id in envelopes - set(ids)]
        found += [f"{task_id} has a record and no state" for task_id in _suffixes(keyspace, queue + "r:") - set(ids)]
        stored_bytes = sum(len(keyspace[f"{queue}t:{task_id}"]) for task_id in envelopes)
        lost_some = "orphans" in keyspace.get(queue + "totals", {})
        counted = int(keyspace.get(queue + "bytes", 0))
        if counted < stored_bytes or (counted > stored_bytes and not lost_some):
            found.append(f"{queue} has envelopes of {stored_bytes} bytes and counts {counted}")
        ended = set(states["archived"]) | set(states["completed"])
        for digest in _suffixes(keyspace, queue + "u:"):
            holder = keyspace[f"{queue}u:{digest}"].decode()
            if holder not in ids or holder in ended:
                found.append(f"lock {digest} is held by {holder}, which has ended or does not exist")
    return found


def _suffixes(keyspace: dict[str, Any], prefix: str) -> set[str]:
    return {key.removeprefix(prefix) for key in keyspace if key.startswith(prefix)}
