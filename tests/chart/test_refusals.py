from __future__ import annotations

from typing import Any

import pytest

from tests.chart.helm import Helm, RenderingFailed

EXTERNAL = {"valkey": {"enabled": False}, "externalRedis": {"url": "redis://store:6379/0"}}

COMBINATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "no store": (
        {"valkey": {"enabled": False}},
        "there is no store: set externalRedis.url, or valkey.enabled to true",
    ),
    "two stores": (
        {"externalRedis": {"url": "redis://store"}},
        "set valkey.enabled to false, or leave the url out",
    ),
    "certificates without TLS": (
        {**EXTERNAL, "externalRedis": {"url": "redis://store", "tls": {"caSecret": "ca"}}},
        "let externalRedis.url begin with rediss",
    ),
    "user without password": (
        {**EXTERNAL, "externalRedis": {"url": "redis://store", "username": "u"}},
        "name the Secret that has it in externalRedis.existingSecret",
    ),
    "replicas of a store without any": (
        {"api": {"settings": {"durability": "replicas:1"}}},
        "api.settings.durability is replicas:1, but the chart's Valkey has no replica",
    ),
    "syncs of a store without a volume": (
        {"api": {"settings": {"durability": "fsync"}}, "valkey": {"persistence": {"enabled": False}}},
        "set valkey.persistence.enabled to true",
    ),
    "two pools of one name": (
        {"workers": [{"name": "one"}, {"name": "one"}]},
        "there are two pools with the name one",
    ),
    "grace within the drain": (
        {"workers": [{"name": "one", "drainSeconds": 60, "terminationGracePeriodSeconds": 60}]},
        r"workers[one].terminationGracePeriodSeconds must be more than preStopSeconds + drainSeconds (60)",
    ),
    "grace of the api within the drain": (
        {"api": {"terminationGracePeriodSeconds": 25}},
        r"api.terminationGracePeriodSeconds must be more than preStopSeconds + drainSeconds (25)",
    ),
    "both bounds of a budget": (
        {"api": {"podDisruptionBudget": {"minAvailable": 1}}},
        "api.podDisruptionBudget takes one of minAvailable and maxUnavailable",
    ),
    "no bound of a budget": (
        {"scheduler": {"podDisruptionBudget": {"maxUnavailable": None}}},
        "scheduler.podDisruptionBudget takes one of minAvailable and maxUnavailable",
    ),
    "scaled pool without controller": (
        {"controller": {"enabled": False}, "workers": [{"name": "one", "autoscaling": {"enabled": True}}]},
        "workers[one].autoscaling.enabled needs the controller",
    ),
    "pool with fewer at most than at least": (
        {"workers": [{"name": "one", "autoscaling": {"enabled": True, "pool": {"minReplicas": 11}}}]},
        "workers[one].autoscaling.pool.minReplicas must not be more than maxReplicas",
    ),
    "api with fewer at most than at least": (
        {"api": {"autoscaling": {"enabled": True, "minReplicas": 11}}},
        "api.autoscaling.minReplicas must not be more than maxReplicas",
    ),
    "variable of the chart's own": (
        {"api": {"extraEnv": [{"name": "TASKYARD_LOG_LEVEL", "value": "debug"}]}},
        "api.extraEnv: TASKYARD_LOG_LEVEL is set by the chart; use its value instead",
    ),
}

VALUES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"api": {"replica": 3}}, "replica"),
    "unknown key of a pool": ({"workers": [{"name": "one", "slot": 3}]}, "slot"),
    "unknown setting": ({"api": {"settings": {"maxPayloadd": "1MiB"}}}, "maxPayloadd"),
    "unknown field of a pool": ({"worker": {"autoscaling": {"pool": {"minReplica": 0}}}}, "minReplica"),
    "target of a pool, which the chart sets": ({"worker": {"autoscaling": {"pool": {"queues": ["a"]}}}}, "queues"),
    "unknown top block": ({"wrokers": []}, "wrokers"),
    "setting of the wrong type": ({"api": {"settings": {"maxRetries": "many"}}}, "maxRetries"),
    "setting that is none of the choices": ({"api": {"settings": {"unknownTypes": "maybe"}}}, "unknownTypes"),
    "password in the url": (
        {"valkey": {"enabled": False}, "externalRedis": {"url": "redis://user:secret@store:6379"}},
        "externalRedis",
    ),
    "url without server": ({"valkey": {"enabled": False}, "externalRedis": {"url": "redis://"}}, "externalRedis"),
    "sentinel without service": (
        {"valkey": {"enabled": False}, "externalRedis": {"url": "redis+sentinel://store:26379"}},
        "externalRedis",
    ),
    "pool without name": ({"workers": [{"slots": 3}]}, "name"),
    "pool with a name that no object can have": ({"workers": [{"name": "A_b"}]}, "name"),
    "pool with a name that is too long": ({"workers": [{"name": "p" * 16}]}, "name"),
    "pool without queues": ({"workers": [{"name": "one", "queues": []}]}, "queues"),
    "queue with a weight of zero": ({"workers": [{"name": "one", "queues": ["a:0"]}]}, "queues"),
    "root": ({"api": {"podSecurityContext": {"runAsUser": 0}}}, "runAsUser"),
    "privileges": ({"api": {"securityContext": {"allowPrivilegeEscalation": True}}}, "allowPrivilegeEscalation"),
    "no seccomp": ({"api": {"podSecurityContext": {"seccompProfile": {"type": "Unconfined"}}}}, "seccompProfile"),
    "label that selects": ({"commonLabels": {"app.kubernetes.io/name": "x"}}, "commonLabels"),
    "memory as no server takes it": ({"valkey": {"maxMemory": "1GiB"}}, "maxMemory"),
    "port out of range": ({"api": {"service": {"port": 70_000}}}, "port"),
    "digest that is none": ({"api": {"image": {"digest": "sha256:abc"}}}, "digest"),
}


@pytest.mark.parametrize(("values", "sentence"), COMBINATIONS.values(), ids=COMBINATIONS)
def test_impossible_combination_is_refused_with_a_sentence(helm: Helm, values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RenderingFailed) as refusal:
        helm.render(values)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(("values", "named"), VALUES.values(), ids=VALUES)
def test_impossible_value_is_refused_by_the_schema(helm: Helm, values: dict[str, Any], named: str) -> None:
    with pytest.raises(RenderingFailed, match="values don't meet the specifications of the schema") as refusal:
        helm.render(values)
    assert named in str(refusal.value)


def test_other_major_refuses_the_same(helms: list[Helm]) -> None:
    refusals = []
    for each in helms:
        with pytest.raises(RenderingFailed) as refusal:
            each.render({"api": {"replica": 3}})
        refusals.append(str(refusal.value))
    assert all("replica" in each for each in refusals)
