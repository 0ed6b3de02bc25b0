"""Steps of workers: lease, and every report on a lease, also on a stale one."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.testing.model import Bounds, StoredTask
from queuecore.testing.store import LEASE_MS, TestWorker
from tests.integration.queuecore.model.choices import HOUR_MS, QUEUES, WORKERS, leases, queues
from tests.integration.queuecore.model.driven_store import DrivenStore, WorkerLease

Decision = tuple[int | None, ArchiveReason | None]

decisions = st.sampled_from(((HOUR_MS, None), (None, ArchiveReason.DO_NOT_RETRY), (None, None)))


class Workers(DrivenStore):
    """Several independent workers."""

    @precondition(lambda self: bool(self.in_state(TaskState.PENDING)))
    @rule(wanted=st.lists(st.tuples(queues, st.integers(1, 4)), min_size=2, max_size=3), name=st.sampled_from(WORKERS))
    def lease(self, wanted: list[tuple[str, int]], name: str) -> None:
        worker = self.workers[name]
        answers, now = self.timed(worker.leases.lease(wanted))
        for (queue, limit), answer in zip(wanted, answers, strict=True):
            taken, orphans = self.model.lease(queue, limit)
            assert not isinstance(answer, Exception), answer
            assert (answer.orphans, answer.newer, answer.unreadable) == (orphans, 0, [])
            assert [lease.task for lease in answer.leases] == [each.task for each in taken]
            for lease, each in zip(answer.leases, taken, strict=True):
                self._begin(each, lease, worker, now)
            self.leases += [WorkerLease(lease, name) for lease in answer.leases]

    def _begin(self, stored: StoredTask, lease: Lease, worker: TestWorker, now: Bounds) -> None:
        assert now.low <= lease.started_at_ms <= now.high
        assert stored.at.low <= lease.entered_at_ms <= stored.at.high
        assert lease.token > self.model.tokens[stored.task.queue, stored.task.id]
        self.model.begin(stored, lease, worker.identity, LEASE_MS)
        assert lease.attempt == stored.record["attempt"]

    @precondition(lambda self: bool(self.leases))
    @rule(
        verb=st.sampled_from(("renew", "report_progress", "complete", "fail", "release")),
        chosen=st.lists(leases, min_size=1, max_size=3),
        run_ms=st.sampled_from((0, 1, 7, 1_000_000)),
        decision=decisions,
    )
    def report(self, verb: str, chosen: list[WorkerLease], run_ms: int, decision: Decision) -> None:
        worker, given = self.workers[chosen[0].worker], [each.lease for each in chosen]
        match verb:
            case "complete":
                self._complete(worker, [Success(lease, run_ms, b'"done"' if run_ms else b"") for lease in given])
            case "fail":
                self._fail(worker, [Failure(lease, run_ms, "it broke", *decision) for lease in given])
            case _:
                getattr(self, f"_{verb}")(worker, given)

    def _complete(self, worker: TestWorker, successes: list[Success]) -> None:
        replies, now = self.timed(worker.settlements.complete(successes))
        assert replies == [self.model.complete(each, worker.identity, now) for each in successes]

    def _fail(self, worker: TestWorker, failures: list[Failure]) -> None:
        replies, now = self.timed(worker.settlements.fail(failures))
        assert replies == [self.model.fail(each, worker.identity, now) for each in failures]

    def _renew(self, worker: TestWorker, given: list[Lease]) -> None:
        replies, now = self.timed(worker.leases.renew(given))
        assert replies == [self.model.renew(lease, LEASE_MS, now) for lease in given]

    def _report_progress(self, worker: TestWorker, given: list[Lease]) -> None:
        reports = [(lease, b"%d" % place) for place, lease in enumerate(given)]
        replies = self.run(worker.leases.report_progress(reports))
        assert replies == [self.model.progress(lease, data) for lease, data in reports]

    def _release(self, worker: TestWorker, given: list[Lease]) -> None:
        replies, now = self.timed(worker.leases.release(given))
        assert replies == [self.model.release(lease, now) for lease in given]

    @precondition(lambda self: any(queue.wake for queue in self.model.queues.values()))
    @rule()
    def wait_for_work(self) -> None:
        queue = next(name for name in QUEUES if self.model.queues[name].wake)
        assert self.run(self.store.notifications.wait_for_work([queue], 5))
        self.model.queues[queue].wake = False
