"""Generator of values.schema.json: the structure comes from values.yaml, the rules from this module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy.chart.pool import pool_schema
from deploy.chart.settings import BLOCKS
from deploy.chart.values import Leaf, Values

Schema = dict[str, Any]

DNS_LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_DURATION_OF_PROMETHEUS = "^([0-9]+(ms|s|m|h|d))+$"
_QUANTITY = "^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$"
_SERVER = "[A-Za-z0-9._-]+(:[0-9]+)?"

TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
# Selector labels must not be overridden.
LABELS: Schema = {**TEXTS, "patternProperties": {"^(app\\.kubernetes\\.io|helm\\.sh)/|^taskyard\\.dev/pool$": False}}
OBJECTS: Schema = {"type": "array", "items": {"type": "object"}}
SECONDS: Schema = {"type": "integer", "minimum": 0, "maximum": 86_400}
PORTS: Schema = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65_535}}
COUNT: Schema = {"type": "integer", "minimum": 0}
PROBE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        each: {"type": "integer", "minimum": 1}
        for each in ("periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold")
    }
    | {"initialDelaySeconds": COUNT},
}
NAMED: Schema = {"type": "array", "items": {"type": "object", "required": ["name"]}}
RESTRICTED_POD: Schema = {
    "type": "object",
    "properties": {
        "runAsNonRoot": {"const": True},
        "runAsUser": {"type": "integer", "minimum": 1},
        "seccompProfile": {"properties": {"type": {"enum": ["RuntimeDefault", "Localhost"]}}, "required": ["type"]},
    },
    "required": ["runAsNonRoot", "seccompProfile"],
}
RESTRICTED_CONTAINER: Schema = {
    "type": "object",
    "properties": {
        "allowPrivilegeEscalation": {"const": False},
        "privileged": {"const": False},
        "capabilities": {
            "properties": {
                "drop": {"contains": {"const": "ALL"}},
                "add": {"items": {"const": "NET_BIND_SERVICE"}},
            },
            "required": ["drop"],
        },
    },
    "required": ["allowPrivilegeEscalation", "capabilities"],
}

# Rules by the last key of the path, for values that occur in several blocks.
BY_KEY: dict[str, Schema] = {
    "affinity": {"type": "object"},
    "annotations": TEXTS,
    "behavior": {"type": "object"},
    "digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "drainSeconds": SECONDS,
    "existingSecretKey": {"type": "string", "minLength": 1},
    "extraEnv": NAMED,
    "extraEnvFrom": OBJECTS,
    "extraVolumes": NAMED,
    "extraVolumeMounts": NAMED,
    "interval": {"type": "string", "pattern": _DURATION_OF_PROMETHEUS},
    "labels": TEXTS,
    "liveness": PROBE,
    "maxReplicas": {"type": "integer", "minimum": 1},
    "maxUnavailable": {"type": ["integer", "string", "null"]},
    "minAvailable": {"type": ["integer", "string", "null"]},
    "nodeSelector": TEXTS,
    "podAnnotations": TEXTS,
    "podLabels": LABELS,
    "podSecurityContext": RESTRICTED_POD,
    "preStopSeconds": SECONDS,
    "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "readiness": PROBE,
    "replicas": COUNT,
    "repository": {"type": "string", "pattern": "^[a-z0-9]+([._/:-]+[a-z0-9]+)*$"},
    "resources": {
        "type": "object",
        "additionalProperties": False,
        "properties": {each: {"type": "object"} for each in ("requests", "limits")} | {"claims": OBJECTS},
    },
    "securityContext": RESTRICTED_CONTAINER,
    "startup": PROBE,
    "terminationGracePeriodSeconds": {"type": ["integer", "null"], "minimum": 1},
    "tolerations": OBJECTS,
    "topologySpreadConstraints": OBJECTS,
}

BY_PATH: dict[str, Schema] = {
    "global.imagePullSecrets": {"type": "array", "items": {"type": "string", "minLength": 1}},
    "commonLabels": LABELS,
    "bindAddress": {"type": "string", "minLength": 1},
    "log.level": {"enum": ["debug", "info", "warning", "error", "critical"]},
    "log.format": {"enum": ["json", "human", "auto"]},
    "tracing.endpoint": {"type": "string", "pattern": "^$|^https?://[^/@]+"},
    "tracing.protocol": {"enum": ["http/protobuf", "grpc"]},
    "tracing.sampler": {
        "enum": [
            f"{obeying}{root}"
            for obeying in ("", "parentbased_")
            for root in ("always_on", "always_off", "traceidratio")
        ]
    },
    "tracing.ratio": {"type": "number", "minimum": 0, "maximum": 1},
    "tracing.headersSecretKey": {"type": "string", "minLength": 1},
    "tracing.resourceAttributes": {**TEXTS, "propertyNames": {"pattern": "^[^=,]+$"}},
    "api.service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "api.service.port": {"type": "integer", "minimum": 1, "maximum": 65_535},
    "api.autoscaling.minReplicas": {"type": "integer", "minimum": 1},
    "api.autoscaling.targetCPUUtilizationPercentage": {"type": "integer", "minimum": 1, "maximum": 100},
    "worker.queues": {
        "type": "array",
        "minItems": 1,
        "items": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*(:[1-9][0-9]{0,5})?$"},
    },
    "worker.slots": {"type": "integer", "minimum": 1, "maximum": 10_000},
    "controller.scope": {"enum": ["namespace", "cluster"]},
    "valkey.maxMemory": {"type": "string", "pattern": "^[0-9]+(kb|mb|gb)$"},
    "valkey.persistence.size": {"type": "string", "pattern": _QUANTITY},
    # Without user and password, which belong into a Secret.
    "externalRedis.url": {
        "type": "string",
        "pattern": f"^$|^rediss?://{_SERVER}(/[0-9]+)?$|^rediss?\\+cluster://{_SERVER}(,{_SERVER})*$"
        f"|^rediss?\\+sentinel://{_SERVER}(,{_SERVER})*/[A-Za-z0-9._-]+(/[0-9]+)?$",
    },
    "networkPolicy.apiFrom": OBJECTS,
    "networkPolicy.metricsFrom": OBJECTS,
    "networkPolicy.externalRedisTo": OBJECTS,
    "networkPolicy.externalRedisPorts": PORTS,
    "networkPolicy.kubernetesApiTo": OBJECTS,
    "networkPolicy.kubernetesApiPorts": {**PORTS, "minItems": 1},
    "networkPolicy.collectorTo": OBJECTS,
    "networkPolicy.collectorPorts": {**PORTS, "minItems": 1},
    "networkPolicy.controllerEgress": OBJECTS,
    "networkPolicy.workerEgress": OBJECTS,
    "monitoring.prometheusRule.alerts": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "enabled": {"type": "boolean"},
                "threshold": {"type": "number", "minimum": 0},
                "for": {"type": "string", "pattern": _DURATION_OF_PROMETHEUS},
                "severity": {"type": "string", "minLength": 1},
            },
        },
    },
    "extraObjects": {"type": "array", "items": {"type": ["object", "string"]}},
}


def make_schema(values: Values, definition: Path) -> Schema:
    """The schema of the chart's values.

    Args:
        values: of the chart.
        definition: the CustomResourceDefinition of WorkerPools.
    """
    root = _closed_object()
    pool = pool_schema(definition)
    for leaf in values.leaves():
        if leaf.path == ("worker", "autoscaling", "pool"):
            _put(root, leaf, pool)
        elif leaf.path != ("workers",):
            _put(root, leaf, _rule(leaf))
    # The parent of a subchart may pass further keys in `global`.
    root["properties"]["global"]["additionalProperties"] = True
    worker = root["properties"]["worker"]
    root["properties"]["workers"] = {
        "type": "array",
        "items": {
            **worker,
            "required": ["name"],
            "properties": {
                "name": {
                    "type": "string",
                    "pattern": DNS_LABEL,
                    "maxLength": 15,
                    "description": "Name of the pool, the suffix of its object names.",
                }
            }
            | {key: each for key, each in worker["properties"].items() if key != "serviceAccount"},
        },
    }
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the chart taskyard", **root}


def _put(root: Schema, leaf: Leaf, rule: Schema) -> None:
    here = root
    for key in leaf.path[:-1]:
        here = here["properties"].setdefault(key, _closed_object())
    here["properties"][leaf.path[-1]] = {"description": leaf.meaning} | rule


def _rule(leaf: Leaf) -> Schema:
    settings = next((each.schema() for each in BLOCKS if each.path == leaf.path), None)
    return settings or BY_PATH.get(".".join(leaf.path)) or BY_KEY.get(leaf.path[-1]) or _plain(leaf)


def _plain(leaf: Leaf) -> Schema:
    match leaf.default:
        case bool():
            return {"type": "boolean"}
        case str():
            return {"type": "string"}
    raise ValueError(f"{'.'.join(leaf.path)}: deploy/chart/schema.py has no rule for it")


def _closed_object() -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": {}}
