"""Store dashboard: health, memory and load of Redis or Valkey."""

from __future__ import annotations

from deploy.dashboards.board import Board
from deploy.dashboards.panel import BAD, NONE_ALLOWED, UP, WARN, Query, figure, graph
from deploy.dashboards.processes import processes
from deploy.dashboards.promql import IN_NAMESPACE, quantile, rate, share, stored, stored_rate, total


def store() -> Board:
    """The store, as observed by the API."""
    memory = f"sum({stored('taskyard_store_memory_bytes', where=IN_NAMESPACE)})"
    limit = f"sum({stored('taskyard_store_memory_limit_bytes', where=IN_NAMESPACE)})"
    commands = total(stored_rate("taskyard_store_commands_total", where=IN_NAMESPACE))
    return (
        Board("store", "Redis", "Health, memory and load of Redis or Valkey, and the store calls of the services.")
        .row(
            "Now",
            figure(
                "Store",
                "Whether the store is reachable and configured correctly. `GET /ready` of the API states the reason.",
                f"min({stored('taskyard_store_ready', where=IN_NAMESPACE)})",
                thresholds=UP,
                words={0: "not ready", 1: "ready"},
                runbook="TaskyardStoreNotReady",
            ),
            figure(
                "Memory",
                "Memory used as a share of `maxmemory`. At 100 % no tasks are accepted.",
                share(memory, limit),
                unit="percentunit",
                thresholds=((0.8, WARN), (0.95, BAD)),
                runbook="TaskyardStoreMemoryHigh",
            ),
            figure(
                "Evicted keys",
                "Keys evicted since the start of the server. Evicted keys are lost tasks.",
                f"sum({stored('taskyard_store_evicted_keys_total', where=IN_NAMESPACE)})",
                thresholds=NONE_ALLOWED,
                runbook="TaskyardStoreEvictsKeys",
            ),
            figure(
                "Policy",
                "Whether the server reports its eviction policy. Some hosted servers forbid the command.",
                f"max({stored('taskyard_store_policy_unknown', where=IN_NAMESPACE)})",
                thresholds=((1, WARN),),
                words={0: "known", 1: "unknown"},
                runbook="TaskyardStoreEvictsKeys",
            ),
            figure("Commands", "Commands per second.", commands, unit="cps"),
            figure(
                "Clients",
                "Open client connections.",
                f"sum({stored('taskyard_store_connected_clients', where=IN_NAMESPACE)})",
            ),
        )
        .row(
            "Capacity",
            graph(
                "Memory",
                "Memory used, and the limit, if any; for a Cluster, those of its fullest node. Rule of thumb: 400 "
                "bytes per task, plus payload and result.",
                Query(memory, "used"),
                Query(f"{limit} > 0", "limit"),
                unit="bytes",
                runbook="TaskyardStoreMemoryHigh",
            ),
            graph(
                "Tasks by state",
                "All tasks in the store by state. Many completed tasks suggest a retention longer than needed.",
                Query(
                    total(stored("taskyard_queue_tasks", "queue", "state", where=IN_NAMESPACE), "state"), "{{state}}"
                ),
                stacked=True,
            ),
            graph(
                "Size by queue",
                "Bytes of all tasks of each queue, including completed and archived ones within their retention.",
                Query(total(stored("taskyard_queue_bytes", "queue", where=IN_NAMESPACE), "queue"), "{{queue}}"),
                unit="bytes",
                stacked=True,
            ),
            graph(
                "Evicted keys",
                "Keys evicted per second. Evicted keys are lost tasks.",
                Query(total(stored_rate("taskyard_store_evicted_keys_total", where=IN_NAMESPACE), "namespace")),
                unit="ops",
                thresholds=((0.001, BAD),),
                runbook="TaskyardStoreEvictsKeys",
            ),
        )
        .row(
            "Load",
            graph(
                "Commands", "Commands per second, all executed on one core.", Query(commands, "commands"), unit="cps"
            ),
            graph(
                "Clients",
                "Client connections. Each pod opens as many as it uses concurrently.",
                Query(
                    total(stored("taskyard_store_connected_clients", where=IN_NAMESPACE), "namespace"), "{{namespace}}"
                ),
            ),
        )
        .row(
            "Store calls of the services",
            graph(
                "Readiness by pod of the API",
                "1 while the pod finds the store ready. A single pod at 0 suggests its network, not the store.",
                Query(f"min by (pod) (taskyard_store_ready{{{IN_NAMESPACE}}})", "{{pod}}"),
                most=1,
                runbook="TaskyardStoreNotReady",
            ),
            graph(
                "Calls, p99",
                "Duration of store calls of the services, without blocking waits for work.",
                Query(quantile(0.99, "taskyard_store_call_duration_seconds", "job"), "{{job}}"),
                Query(quantile(0.99, "taskyard_replication_wait_seconds", "job"), "{{job}}, waiting for replicas"),
                unit="s",
                thresholds=((0.1, WARN),),
            ),
            graph(
                "Failed calls",
                "Store calls per second without a reply.",
                Query(rate("taskyard_store_call_failures_total", "pod"), "{{pod}}"),
                unit="ops",
                runbook="TaskyardStoreNotReady",
            ),
            graph(
                "Unavailable server information",
                "1 while the server does not report its eviction policy (policy), or its memory, clients and commands "
                "(memory). The panels above then have no data.",
                Query(f"max({stored('taskyard_store_policy_unknown', where=IN_NAMESPACE)})", "policy"),
                Query(f"max({stored('taskyard_store_info_unknown', where=IN_NAMESPACE)})", "memory"),
                most=1,
            ),
            graph(
                "Requests failed with 503",
                "Requests per second that the API answered with 503 because the store was unreachable.",
                Query(
                    f"({rate('taskyard_http_requests_total', where=_UNAVAILABLE)}) or vector(0)",
                    "503",
                ),
                unit="reqps",
                runbook="TaskyardApiErrorBudgetBurns",
            ),
            graph(
                "Settle retries",
                "Settle calls per second retried by workers because the store was unreachable.",
                Query(rate("taskyard_worker_settle_retries_total", "pod"), "{{pod}}"),
                unit="ops",
                runbook="TaskyardStoreNotReady",
            ),
            graph(
                "Orphans",
                "Ids found without a task, in total. A value above 0 means that the store has lost data.",
                Query(total(stored("taskyard_orphans_total", "queue", where=IN_NAMESPACE), "queue"), "{{queue}}"),
                thresholds=((1, BAD),),
                runbook="TaskyardOrphans",
            ),
        )
        .row("Processes of the API", *processes("api"))
    )


_UNAVAILABLE = f'{IN_NAMESPACE}, status="503"'
