"""All operations of the store on one server."""

from __future__ import annotations

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Task
from queuecore.settings.shared import RedisSettings
from queuecore.store.attempts.leases import Lease, Leased, Leases, WorkerIdentity
from queuecore.store.attempts.maintenance import ExpiredLease, ExpiredLeases, Maintenance, Reclaim
from queuecore.store.attempts.notifications import Notifications
from queuecore.store.attempts.settlement import Settlements
from queuecore.store.client.connect import connect
from queuecore.store.queues.control import QueueControl
from queuecore.store.queues.directory import Directory
from queuecore.store.queues.reader import QueueReader
from queuecore.store.queues.registry import QueueRegistry
from queuecore.store.result import Result
from queuecore.store.scripts.keys import envelope_key, queue_keys
from queuecore.store.scripts.replies import Reply
from queuecore.store.tasks.control import TaskControl
from queuecore.store.tasks.enqueue import Enqueue, Enqueued, Enqueuer
from queuecore.store.tasks.idempotency import IdempotencyKeys
from queuecore.store.tasks.reader import TaskReader

LEASE_MS = 30_000

_DAMAGED = b"\x015\xc1"
"""Version 1, priority 5, then an invalid byte of MessagePack."""
PATIENCE_MS = 20_000


def patient_settings(url: str) -> RedisSettings:
    """Settings with timeouts long enough for a busy machine."""
    return RedisSettings(url=url, timeout_ms=PATIENCE_MS, connect_timeout_ms=PATIENCE_MS)


class TestStore:
    """All operations of a store, with shortcuts for tests.

    Args:
        url: the URL of the server.
        patient: whether to use :func:`patient_settings`.
    """

    __test__ = False

    def __init__(self, url: str, *, patient: bool = False) -> None:
        self.server_url = url
        self.server = connect(
            patient_settings(url) if patient else RedisSettings(url=url, connect_timeout_ms=PATIENCE_MS)
        )
        self.enqueuer = Enqueuer(self.server)
        self.control = TaskControl(self.server)
        self.queue_control = QueueControl(self.server)
        self.reader = TaskReader(self.server)
        self.queues = QueueReader(self.server)
        self.registry = QueueRegistry(self.server)
        self.maintenance = Maintenance(self.server)
        self.notifications = Notifications(self.server)
        self.directory = Directory(self.server)
        self.idempotency = IdempotencyKeys(self.server)

    def worker(self, name: str = "worker-1", lease_ms: int = LEASE_MS) -> TestWorker:
        """The operations of one worker."""
        return TestWorker(self, WorkerIdentity(name, f"pod-of-{name}"), lease_ms)

    async def enqueue(self, *tasks: Task) -> list[Enqueued]:
        """Enqueue tasks, which must be accepted."""
        answers = await self.enqueuer.enqueue([Enqueue(task) for task in tasks])
        refused = [answer for answer in answers if not isinstance(answer, Enqueued)]
        assert not refused, refused
        return [answer for answer in answers if isinstance(answer, Enqueued)]

    async def state(self, task: Task) -> TaskState | None:
        """The state of the task; ``None`` when it does not exist."""
        snapshot = await self.reader.find(task.id, [task.queue])
        return snapshot.state if snapshot else None

    async def expire_lease(self, task: Task) -> None:
        """Move the expiry of an active task's lease into the past."""
        await self.server.command("ZADD", f"taskyard:{{{task.queue}}}:active", "XX", 1, task.id)

    async def damage(self, task: Task, damaged: bytes = _DAMAGED) -> None:
        """Replace the envelope of a task by an unreadable one."""
        keys = queue_keys(task.queue)
        lost = await self.server.command("STRLEN", envelope_key(keys, task.id))
        await self.server.command("SET", envelope_key(keys, task.id), damaged)
        await self.server.command("INCRBY", keys.bytes, len(damaged) - lost)

    async def reclaim(self, queue: str = "default") -> list[Result[Reply]]:
        """Reclaim all expired leases of a queue: retry the task at once, or archive it without retries left."""
        (expired,) = await self.maintenance.find_expired_leases([queue])
        assert isinstance(expired, ExpiredLeases), expired
        return await self.reclaim_found(expired)

    async def reclaim_found(self, expired: ExpiredLeases) -> list[Result[Reply]]:
        """Reclaim leases that were found expired."""
        return await self.maintenance.reclaim([_reclaim(each, expired.now_ms) for each in expired.leases])

    async def close(self) -> None:
        """Close the connections."""
        await self.server.close()


class TestWorker:
    """The operations of one worker."""

    __test__ = False

    def __init__(self, store: TestStore, identity: WorkerIdentity, lease_ms: int) -> None:
        self.identity = identity
        self.leases = Leases(store.server, identity, lease_ms)
        self.settlements = Settlements(store.server, identity)

    async def lease(self, limit: int = 10, queue: str = "default") -> list[Lease]:
        """Lease from one queue."""
        return (await self.lease_call(limit, queue)).leases

    async def lease_call(self, limit: int = 10, queue: str = "default") -> Leased:
        """Lease from one queue; the whole result of the call."""
        (answer,) = await self.leases.lease([(queue, limit)])
        assert isinstance(answer, Leased), answer
        return answer

    async def lease_one(self, task: Task) -> Lease:
        """Lease a task that is the only pending one of its queue."""
        (lease,) = await self.lease(queue=task.queue)
        assert lease.task.id == task.id
        return lease


def _reclaim(lease: ExpiredLease, now_ms: int) -> Reclaim:
    retried = lease.task is not None and lease.task.allows_retry_after(lease.counted_attempt)
    reason = None if retried else ArchiveReason.RETRIES_EXHAUSTED
    return Reclaim(lease, now_ms, "the worker was lost", 0 if retried else None, reason)
