"""Generator of the kustomize files: the base is the rendered chart, an overlay patches it with other values.

Overlays hold no copies of the chart's dashboards. kustomize reads no file outside of the folder that it builds, but
builds other folders for it. The dashboards therefore have a kustomization.yaml beside them.

The CustomResourceDefinitions have a folder of their own: `kubectl delete -k` of an overlay would otherwise delete them,
and with them every WorkerPool of the cluster.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
Render = Callable[[list[Path]], list[Manifest]]
"""Renders the chart with values files."""

OVERLAYS = ("dev", "production")
NAMESPACE = "taskyard"
RELEASE = "taskyard"
_NOTE = "# Generated from the chart by `make chart-docs`. Change the values, or add an overlay of your own.\n"
_KIND = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
_HOOK = "helm.sh/hook"


def helm_render(helm: Path, chart: Path) -> Render:
    """Renderer with a Helm binary; leaves out hooks and tests, which only Helm can run."""

    def render(values: list[Path]) -> list[Manifest]:
        done = subprocess.run(
            [
                helm, "template", RELEASE, chart, f"--namespace={NAMESPACE}",
                "--api-versions=taskyard.dev/v1alpha1/WorkerPool", *(f"--values={each}" for each in values),
            ],
            check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        found = [each for each in yaml.safe_load_all(done.stdout) if each]
        return sorted((each for each in found if _HOOK not in each["metadata"].get("annotations", {})), key=_key)

    return render


def make_overlays(render: Render, chart: Path, deploy: Path) -> dict[Path, str]:
    """Path and content of all kustomize files.

    Args:
        render: renders the chart.
        chart: the folder of the chart.
        deploy: the folder ``deploy``.
    """
    folder, dashboards = deploy / "kustomize", chart / "files" / "dashboards"
    own = folder / "values.yaml"
    rendered = render([own])
    base = [each for each in rendered if not _is_shared(each)]
    files = {
        folder / "base" / "manifests.yaml": _NOTE + _dump_all(base),
        folder / "crds" / "manifests.yaml": _NOTE + _dump_all([each for each in rendered if _is_shared(each)]),
    }
    for name in OVERLAYS:
        environment = render([own, deploy / "environments" / f"{name}.yaml"])
        wanted = [each for each in environment if not _is_shared(each)]
        overlay = folder / "overlays" / name
        resources = ["../../base", "added.yaml"]
        added = [each for each in wanted if _key(each) not in {_key(there) for there in base}]
        if copies := [each for each in added if _is_copy(each, dashboards)]:
            added = [each for each in added if each not in copies]
            resources.append(os.path.relpath(dashboards, overlay))
            files[dashboards / "kustomization.yaml"] = _NOTE + _dump(_generators(copies))
        files[overlay / "added.yaml"] = _NOTE + _dump_all(added)
        files[overlay / "kustomization.yaml"] = _NOTE + _dump(_kustomization(resources, list(_patches(base, wanted))))
    return files


def _is_shared(manifest: Manifest) -> bool:
    """Check if all releases of a cluster share the object: a CustomResourceDefinition, or a role that comes with it."""
    return bool(manifest["metadata"].get("labels", {}).get("app.kubernetes.io/component") == "crds")


def _is_copy(manifest: Manifest, folder: Path) -> bool:
    """Whether a ConfigMap consists of unchanged files of a folder."""
    return manifest["kind"] == "ConfigMap" and all(
        (folder / name).exists() and (folder / name).read_text(encoding="utf-8") == text
        for name, text in manifest["data"].items()
    )


def _generators(manifests: list[Manifest]) -> Manifest:
    """A kustomization that generates ConfigMaps from the files of its folder."""
    return _KIND | {
        "generatorOptions": {"disableNameSuffixHash": True},
        "configMapGenerator": [
            {
                "name": each["metadata"]["name"],
                "files": list(each["data"]),
                "options": {key: each["metadata"][key] for key in ("labels", "annotations") if key in each["metadata"]},
            }
            for each in manifests
        ],
    }


def _kustomization(resources: list[str], patches: list[Manifest]) -> Manifest:
    return _KIND | {"namespace": NAMESPACE, "resources": resources, "patches": patches}


def _patches(base: list[Manifest], wanted: list[Manifest]) -> Iterator[Manifest]:
    """Entries of kustomize's ``patches`` that change or delete objects of the base."""
    targets = {_key(each): each for each in wanted}
    for manifest in base:
        kind, name = _key(manifest)
        twin = targets.get((kind, name))
        if twin is None:
            gone = {key: manifest[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": name}}
            yield {"target": {"kind": kind, "name": name}, "patch": _dump({"$patch": "delete", **gone})}
        elif changes := list(_changes(manifest, twin, "")):
            yield {"target": {"kind": kind, "name": name}, "patch": _dump(changes)}


def _changes(before: Any, after: Any, path: str) -> Iterator[Manifest]:
    """Operations of a JSON patch."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            here = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in after:
                yield {"op": "remove", "path": here}
            elif key not in before:
                yield {"op": "add", "path": here, "value": after[key]}
            else:
                yield from _changes(before[key], after[key], here)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _changes(old, new, f"{path}/{index}")
    else:
        yield {"op": "replace", "path": path, "value": after}


def _key(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


class _Dumper(yaml.SafeDumper):
    """Writes multi-line strings as literal blocks, and no aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class's signature
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def _dump(value: object) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=120)


def _dump_all(values: list[Manifest]) -> str:
    return "---\n".join(_dump(each) for each in values)
