"""Validation rules of the API server stand-in that are not in a schema."""

from __future__ import annotations

import json
import re

from tests.support.kubernetes import kinds
from tests.support.kubernetes.kinds import Kind
from tests.support.kubernetes.objects import Key, Object, invalid
from tests.support.kubernetes.pool_schema import Cause

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_SUBDOMAIN = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_SCALE = Kind("autoscaling", "v1", "scales", "Scale")


def check_object(key: Key, content: Object, before: Object | None = None) -> None:
    """Check the rules of an object's kind.

    Raises:
        Refusal: 422, with the faults.
    """
    kind = content.get("kind", key.kind.kind)
    if kind != key.kind.kind:
        cause = Cause("kind", f'Invalid value: "{kind}": must be {key.kind.kind}')
        raise invalid(key._replace(kind=key.kind._replace(kind=kind)), [cause])
    if not re.fullmatch(_SUBDOMAIN, key.name):
        rule = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
            f"'{_SUBDOMAIN}')"
        )
        raise invalid(key, [Cause("metadata.name", f'Invalid value: "{key.name}": {rule}')])
    _check_pod(key, content)
    _check_event(key, content)
    if key.kind is kinds.DEPLOYMENTS and before is not None:
        _check_selector(key, content, before)


def check_scale(key: Key, replicas: int) -> None:
    """Check the replicas of a Scale.

    Raises:
        Refusal: 422, with the fault.
    """
    if replicas < 0:
        cause = Cause("spec.replicas", f"Invalid value: {replicas}: must be greater than or equal to 0")
        raise invalid(key._replace(kind=_SCALE), [cause])


def _check_pod(key: Key, content: Object) -> None:
    cost = (content.get("metadata", {}).get("annotations") or {}).get(DELETION_COST, "0")
    if key.kind is kinds.PODS and not re.fullmatch("-?[0-9]+", cost):
        cause = Cause(f"metadata.annotations[{DELETION_COST}]", f'Invalid value: "{cost}": must be a 32bit integer')
        raise invalid(key, [cause, cause])


def _check_event(key: Key, content: Object) -> None:
    involved = content.get("involvedObject", {}).get("namespace", key.namespace)
    if key.kind is kinds.EVENTS and involved != key.namespace:
        cause = Cause("involvedObject.namespace", f'Invalid value: "{involved}": does not match event.namespace')
        raise invalid(key, [cause])


def _check_selector(key: Key, content: Object, before: Object) -> None:
    spec, labels = content["spec"], content["spec"]["template"]["metadata"]["labels"]
    if spec["selector"] == before["spec"]["selector"]:
        return
    causes = [Cause("spec.selector", f"Invalid value: {_compact(spec['selector'])}: field is immutable")]
    if not spec["selector"]["matchLabels"].items() <= labels.items():
        problem = "`selector` does not match template `labels`"
        causes.insert(0, Cause("spec.template.metadata.labels", f"Invalid value: {_compact(labels)}: {problem}"))
    raise invalid(key, causes)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
