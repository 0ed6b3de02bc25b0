"""Whether Redis or Valkey is well, and what fills it."""

from __future__ import annotations

from deploy.dashboards.board import Board
from deploy.dashboards.panel import BAD, NONE_ALLOWED, UP, WARN, Query, figure, graph
from deploy.dashboards.processes import processes
from deploy.dashboards.promql import IN_NAMESPACE, quantile, rate, share, stored, stored_rate, total


def store() -> Board:
    """The store, as the api sees it."""
    memory = f"sum({stored('taskyard_store_memory_bytes', where=IN_NAMESPACE)})"
    limit = f"sum({stored('taskyard_store_memory_limit_bytes', where=IN_NAMESPACE)})"
    commands = total(stored_rate("taskyard_store_commands_total", where=IN_NAMESPACE))
    return (
        Board("store", "Redis", "Whether Redis or Valkey is well, how much room is left, and what fills it.")
        .row(
            "Now",
            figure(
                "Store",
                "Whether it answers and is set up as it must be. `GET /ready` of the api says why not.",
                f"min({stored('taskyard_store_ready', where=IN_NAMESPACE)})",
                thresholds=UP,
                words={0: "not ready", 1: "ready"},
                runbook="TaskyardStoreNotReady",
            ),
            figure(
                "Memory",
                "Memory used as a share of `maxmemory`. At 100 % no task is taken.",
                share(memory, limit),
                unit="percentunit",
                thresholds=((0.8, WARN), (0.95, BAD)),
                runbook="TaskyardStoreMemoryHigh",
            ),
            figure(
                "Evicted keys",
                "Keys that the server dropped to make room, since it started: tasks that are lost.",
                f"sum({stored('taskyard_store_evicted_keys_total', where=IN_NAMESPACE)})",
                thresholds=NONE_ALLOWED,
                runbook="TaskyardStoreEvictsKeys",
            ),
            figure(
                "Policy",
                "Whether the server tells that it evicts no keys. Some hosted ones forbid the question.",
                f"max({stored('taskyard_store_policy_unknown', where=IN_NAMESPACE)})",
                thresholds=((1, WARN),),
                words={0: "known", 1: "unknown"},
                runbook="TaskyardStoreEvictsKeys",
            ),
            figure("Commands", "Commands that the server runs, per second.", commands, unit="cps"),
            figure(
                "Clients",
                "Connections that the server holds.",
                f"sum({stored('taskyard_store_connected_clients', where=IN_NAMESPACE)})",
            ),
        )
        .row(
            "Room",
            graph(
                "Memory",
                "Memory used, and the limit, where there is one; of a Cluster, its fullest node. Rule of thumb: 400 "
                "bytes a task, payload and result.",
                Query(memory, "used"),
                Query(f"{limit} > 0", "limit"),
                unit="bytes",
                runbook="TaskyardStoreMemoryHigh",
            ),
            graph(
                "Tasks kept",
                "All tasks in the store by state. Many completed ones: retention is longer than results are read.",
                Query(
                    total(stored("taskyard_queue_tasks", "queue", "state", where=IN_NAMESPACE), "state"), "{{state}}"
                ),
                stacked=True,
            ),
            graph(
                "Size by queue",
                "Bytes of all tasks of each queue, the ended ones that are kept included.",
                Query(total(stored("taskyard_queue_bytes", "queue", where=IN_NAMESPACE), "queue"), "{{queue}}"),
                unit="bytes",
                stacked=True,
            ),
            graph(
                "Evicted keys",
                "Keys that the server dropped, per second. Anything above 0 loses tasks.",
                Query(total(stored_rate("taskyard_store_evicted_keys_total", where=IN_NAMESPACE), "namespace")),
                unit="ops",
                thresholds=((0.001, BAD),),
                runbook="TaskyardStoreEvictsKeys",
            ),
        )
        .row(
            "Load",
            graph(
                "Commands", "Commands per second; one core runs all of them.", Query(commands, "commands"), unit="cps"
            ),
            graph(
                "Clients",
                "Connections. Each pod opens as many as it uses at once, and few in practice.",
                Query(
                    total(stored("taskyard_store_connected_clients", where=IN_NAMESPACE), "namespace"), "{{namespace}}"
                ),
            ),
        )
        .row(
            "How the services see it",
            graph(
                "Ready by pod of the api",
                "1 while the pod finds the store fit. One pod alone at 0: its network, not the store.",
                Query(f"min by (pod) (taskyard_store_ready{{{IN_NAMESPACE}}})", "{{pod}}"),
                most=1,
                runbook="TaskyardStoreNotReady",
            ),
            graph(
                "Calls, p99",
                "How long the services waited for answers of the store. Waiting for work is not counted.",
                Query(quantile(0.99, "taskyard_store_call_duration_seconds", "job"), "{{job}}"),
                unit="s",
                thresholds=((0.1, WARN),),
            ),
            graph(
                "Failed calls",
                "Calls that the store did not answer, per second.",
                Query(rate("taskyard_store_call_failures_total", "pod"), "{{pod}}"),
                unit="ops",
                runbook="TaskyardStoreNotReady",
            ),
            graph(
                "What the server does not tell",
                "1 while the server keeps its eviction policy, or its memory, clients and commands, to itself; then "
                "the panels above have no data.",
                Query(f"max({stored('taskyard_store_policy_unknown', where=IN_NAMESPACE)})", "policy"),
                Query(f"max({stored('taskyard_store_info_unknown', where=IN_NAMESPACE)})", "memory"),
                most=1,
            ),
            graph(
                "Requests refused for it",
                "Requests that the api answered with 503 because the store was away, per second.",
                Query(
                    f"({rate('taskyard_http_requests_total', where=_UNAVAILABLE)}) or vector(0)",
                    "503",
                ),
                unit="reqps",
                runbook="TaskyardApiErrorBudgetBurns",
            ),
            graph(
                "Settles repeated",
                "Settle calls that workers sent again because the store was away, per second.",
                Query(rate("taskyard_worker_settle_retries_total", "pod"), "{{pod}}"),
                unit="ops",
                runbook="TaskyardStoreNotReady",
            ),
            graph(
                "Orphans",
                "Ids without a task that were found, ever. Anything above 0 means that the store has lost data.",
                Query(total(stored("taskyard_orphans_total", "queue", where=IN_NAMESPACE), "queue"), "{{queue}}"),
                thresholds=((1, BAD),),
                runbook="TaskyardOrphans",
            ),
        )
        .row("Processes of the api", *processes("api"))
    )


_UNAVAILABLE = f'{IN_NAMESPACE}, status="503"'
