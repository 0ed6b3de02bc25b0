"""Steps of schedulers: promote, reclaim expired leases, expire ended tasks."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Attempt
from queuecore.store.attempts.maintenance import ExpiredLeases, LeasedTask, Promotion, Reclaim
from queuecore.testing.model import StoredTask
from tests.integration.queuecore.model.choices import HOUR_MS, QUEUES, WORKERS, findings, queues, when_some_have_passed
from tests.integration.queuecore.model.driven_store import DrivenStore


class Schedulers(DrivenStore):
    """Several schedulers, which may act on outdated findings."""

    @when_some_have_passed(TaskState.SCHEDULED, TaskState.RETRY)
    @rule()
    def promote(self) -> None:
        answers, now = self.timed(self.store.maintenance.promote(QUEUES))
        for queue, answer in zip(QUEUES, answers, strict=True):
            assert isinstance(answer, Promotion)
            assert (len(answer.late_ms), answer.orphans) == self.model.promote(queue, now)

    @when_some_have_passed(TaskState.ACTIVE)
    @rule(queue=queues)
    def find_expired_leases(self, queue: str) -> None:
        (answer,) = self.run(self.store.maintenance.find_expired_leases([queue]))
        assert isinstance(answer, ExpiredLeases)
        expired, orphans = self.model.find_expired_leases(queue)
        assert answer.orphans == orphans
        seen = {
            each.task_id: (each.task, each.token, each.losses, each.excused, each.cancel_requested, each.confirmed)
            for each in answer.leases
        }
        assert seen == {
            stored.task.id: (
                stored.task,
                stored.record["token"],
                stored.record.get("lost", 0),
                stored.record.get("excused", 0),
                "cancel" in stored.record,
                stored.record.get("confirmed") == stored.record["token"],
            )
            for stored in expired
        }
        if expired:
            self.findings.append(answer)

    @precondition(lambda self: bool(self.in_state(TaskState.ACTIVE)))
    @rule(worker=st.sampled_from(WORKERS))
    def find_leases_of(self, worker: str) -> None:
        answers = self.run(self.store.maintenance.find_leases_of(QUEUES, [worker]))
        found = [answer for answer in answers if isinstance(answer, LeasedTask)]
        assert len(found) == len(answers)
        running = [stored for stored in self.in_state(TaskState.ACTIVE) if _runner_of(stored) == worker]
        assert sorted(found) == sorted(
            LeasedTask(worker, stored.task.queue, stored.task.id, stored.record.get("lost", 0)) for stored in running
        )

    @precondition(lambda self: bool(self.findings))
    @rule(
        seen=findings,
        decision=st.sampled_from(
            ((HOUR_MS, False, True), (HOUR_MS, True, False), (HOUR_MS, True, True), (None, False, True))
        ),
    )
    def reclaim(self, seen: ExpiredLeases, decision: tuple[int | None, bool, bool]) -> None:
        retry_in_ms, excused, suspected = decision
        reason = None if retry_in_ms else ArchiveReason.POISON
        reclaims = [
            Reclaim(each, seen.now_ms, "worker lost", retry_in_ms, reason, excused, suspected) for each in seen.leases
        ]
        replies, now = self.timed(self.store.maintenance.reclaim(reclaims))
        assert replies == [self.model.reclaim(each, now) for each in reclaims]

    @when_some_have_passed(TaskState.ARCHIVED, TaskState.COMPLETED)
    @rule()
    def expire(self) -> None:
        answers = self.run(self.store.maintenance.expire(QUEUES))
        assert answers == [(self.model.expire(queue), False) for queue in QUEUES]


def _runner_of(stored: StoredTask) -> str:
    """The worker of the current attempt."""
    attempt: Attempt = stored.record[f"a:{stored.record['attempt']}"]
    return attempt.worker
