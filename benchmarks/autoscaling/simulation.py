"""Discrete-event simulation: a queue, pods with start and stop times, and a policy that sets the number of pods."""

from __future__ import annotations

import heapq
import itertools
import random
from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

START_S = 20.0
"""From the creation of a pod to its first lease: scheduling, image, interpreter, handlers."""
GRACE_S = 30.0
"""Grace period of a terminating pod; tasks still running at its end are interrupted and pending again."""
OVERTIME_S = 3600.0
"""Time after the last arrival at which the simulation ends; tasks unfinished by then count as never finished."""
RETRY_S, MOST_RETRY_S = 15.0, 300.0
"""Delay of the attempt after a failed one; it doubles with each, up to the second number."""
TIMEOUT_S = 20.0
"""Run time of an attempt that hangs."""
BUCKETS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 3600)
WITHIN_S = (0.0, 60.0, 300.0)


class Task(NamedTuple):
    due_at: float
    run_s: float
    type: str = "demo"
    hangs_until: float = 0.0
    """Attempts that start before this time hang, and fail when they time out."""
    attempt: int = 0


class Trace(NamedTuple):
    """Workload: task arrivals and the pods that serve them."""

    name: str
    title: str
    slots: int
    """Slots per pod."""
    length_s: float
    tasks: Sequence[Task]
    """Ordered by due time."""
    utilization: int = 65
    """Target utilization of the slots in per cent."""
    scheduled: bool = False
    """Whether the tasks are enqueued long before they are due."""
    least: int = 0
    """Fewest pods."""
    most: int = 100
    """Most pods."""
    drain: str = "2s"
    """The planner's drain target."""
    start_s: float = START_S
    scrape_s: float = 0
    """Interval at which metrics are collected; 0 if they are read when they are needed."""


class Metrics(NamedTuple):
    """Metrics of the queue at one time."""

    at_s: float
    pending: int
    active: int
    oldest_pending_s: float
    due: dict[float, float]
    """Seconds ahead -> scheduled tasks and retries due within that time."""
    enqueued: dict[str, float]
    """Type -> tasks."""
    ended: dict[str, float]
    run_s: dict[str, float]
    bucket_counts: list[int]


class Pod:
    def __init__(self, number: int, created_at: float) -> None:
        self.number = number
        self.created_at = created_at
        self.ready = False
        self.stopping = False
        self.running: dict[int, Task] = {}


class Policy(Protocol):
    """Sets the number of pods."""

    name: str
    interval_s: float

    def decide(self, simulation: Simulation) -> int:
        """The desired number of pods."""

    def rank(self, pod: Pod) -> tuple[float, ...]:
        """Sort key of scale-in: pods with the lowest rank are removed first."""


class Simulation:
    """State and clock of a simulated deployment."""

    def __init__(self, trace: Trace, policy: Policy, seed: int = 1) -> None:
        self.trace = trace
        self.policy = policy
        self.now = 0.0
        self.wanted = max(1, trace.least)
        self.pods: list[Pod] = []
        self.pending: deque[Task] = deque()
        self.waits: list[float] = []
        self.ended = 0
        self.ended_by_type: defaultdict[str, float] = defaultdict(float)
        self.enqueued_by_type: defaultdict[str, float] = defaultdict(float)
        self.run_s_by_type: defaultdict[str, float] = defaultdict(float)
        self.bucket_counts = [0] * (len(BUCKETS_S) + 1)
        self.interrupted = 0
        self.changes = 0
        self.replica_s = 0.0
        self.longest_queue_s = 0.0
        self.timeline: list[tuple[float, int, int]] = []
        self._waiting_since: float | None = None
        self._scheduled = [task.due_at for task in trace.tasks] if trace.scheduled else []
        self._scraped: Metrics | None = None
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._numbers = itertools.count()
        self._open: list[Pod] = []
        """Candidate pods with a free slot; validated when one is taken."""

    @property
    def active(self) -> int:
        return sum(len(pod.running) for pod in self.pods)

    @property
    def live(self) -> list[Pod]:
        """Pods that are not terminating."""
        return [pod for pod in self.pods if not pod.stopping]

    def read_metrics(self) -> Metrics:
        """The metrics as a policy reads them: those of the last scrape, if the trace has scrapes."""
        return self._scraped or self._collect()

    def _collect(self) -> Metrics:
        first_due = bisect_left(self._scheduled, self.now)
        return Metrics(
            at_s=self.now,
            pending=len(self.pending),
            active=self.active,
            oldest_pending_s=self.now - self.pending[0].due_at if self.pending else 0.0,
            due={within: bisect_left(self._scheduled, self.now + within) - first_due for within in WITHIN_S},
            enqueued=self.enqueued_by_type.copy(),
            ended=self.ended_by_type.copy(),
            run_s=self.run_s_by_type.copy(),
            bucket_counts=self.bucket_counts.copy(),
        )

    def run(self) -> Simulation:
        """Process events until the last task has ended."""
        for _ in range(self.wanted):
            self._start_pod(ready_at=0.0)
        for task in self.trace.tasks:
            self._at(task.due_at, partial(self._enqueue, task))
            self.enqueued_by_type[task.type] += self.trace.scheduled
        if self.trace.scrape_s:
            self._scrape()
        self._at(self._random.random() * self.policy.interval_s, self._tick)
        while self._events:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
            is_over = self.now > self.trace.length_s and self.ended == len(self.trace.tasks)
            if is_over or self.now > self.trace.length_s + OVERTIME_S:
                break
        for pod in self.pods:
            self.replica_s += self.now - pod.created_at
        return self

    def _at(self, when: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), happen))

    def _scrape(self) -> None:
        self._scraped = self._collect()
        self._at(self.now + self.trace.scrape_s, self._scrape)

    def _enqueue(self, task: Task) -> None:
        self.enqueued_by_type[task.type] += not self.trace.scheduled
        self._arrive(task)

    def _arrive(self, task: Task) -> None:
        if not self.pending:
            self._waiting_since = self.now
        self.pending.append(task)
        self._dispatch()

    def _dispatch(self) -> None:
        while self.pending and (pod := self._take_pod()):
            task = self.pending.popleft()
            self.waits.append(self.now - task.due_at)
            key = next(self._order)
            pod.running[key] = task
            fails = self.now < task.hangs_until
            run_s = TIMEOUT_S if fails else task.run_s
            self._at(self.now + run_s, partial(self._end, pod, key, run_s, fails=fails))
        if not self.pending and self._waiting_since is not None:
            self.longest_queue_s = max(self.longest_queue_s, self.now - self._waiting_since)
            self._waiting_since = None

    def _take_pod(self) -> Pod | None:
        while self._open:
            position = self._random.randrange(len(self._open))
            pod = self._open[position]
            if pod.ready and not pod.stopping and len(pod.running) < self.trace.slots:
                return pod
            self._open[position] = self._open[-1]
            self._open.pop()
        return None

    def _end(self, pod: Pod, key: int, run_s: float, *, fails: bool) -> None:
        task = pod.running.pop(key, None)
        if task is None:
            return
        self.ended += not fails
        self.ended_by_type[task.type] += 1
        self.run_s_by_type[task.type] += run_s
        self.bucket_counts[bisect_left(BUCKETS_S, run_s)] += 1
        if fails:
            delay_s = min(RETRY_S * 2.0**task.attempt, MOST_RETRY_S)
            self._retry(task._replace(due_at=self.now + delay_s, attempt=task.attempt + 1))
        if pod.stopping:
            if not pod.running:
                self._remove(pod)
            return
        if pod not in self._open:
            self._open.append(pod)
        self._dispatch()

    def _retry(self, task: Task) -> None:
        insort(self._scheduled, task.due_at)
        self._at(task.due_at, partial(self._arrive, task))

    def _tick(self) -> None:
        wanted = self.policy.decide(self)
        live = self.live
        self.changes += wanted != self.wanted
        self.wanted = wanted
        for _ in range(wanted - len(live)):
            self._start_pod(ready_at=self.now + self.trace.start_s)
        for pod in sorted(live, key=self.policy.rank)[: max(0, len(live) - wanted)]:
            self._stop_pod(pod)
        self.timeline.append((self.now, len(self.pods), len(self.pending)))
        if self.now <= self.trace.length_s or self.ended < len(self.trace.tasks):
            self._at(self.now + self.policy.interval_s, self._tick)

    def _start_pod(self, ready_at: float) -> None:
        pod = Pod(next(self._numbers), self.now)
        self.pods.append(pod)
        self._at(ready_at, lambda: self._open_pod(pod))

    def _open_pod(self, pod: Pod) -> None:
        if not pod.stopping:
            pod.ready = True
            self._open.append(pod)
            self._dispatch()

    def _stop_pod(self, pod: Pod) -> None:
        pod.stopping = True
        if not pod.running:
            self._remove(pod)
        else:
            self._at(self.now + GRACE_S, lambda: self._kill(pod))

    def _kill(self, pod: Pod) -> None:
        if pod not in self.pods:
            return
        self.interrupted += len(pod.running)
        self.pending.extendleft(task._replace(due_at=self.now) for task in pod.running.values())
        pod.running.clear()
        self._remove(pod)
        self._dispatch()

    def _remove(self, pod: Pod) -> None:
        self.pods.remove(pod)
        self.replica_s += self.now - pod.created_at
