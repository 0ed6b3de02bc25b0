"""``python -m deploy.chart`` writes the generated files; with ``--check``, it reports stale ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from deploy.chart.overlays import helm_render, make_overlays
from deploy.chart.readme import make_readme
from deploy.chart.schema import make_schema
from deploy.chart.values import Values
from deploy.helm_binaries import find_binaries

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "taskyard"


def make_files(chart: Path = CHART) -> dict[Path, str]:
    """Path and content of the chart's generated files."""
    values = Values(chart / "values.yaml")
    definition = chart / "files" / "crds" / "workerpools.yaml"
    template = (chart / "README.md.tmpl").read_text(encoding="utf-8")
    return {
        chart / "values.schema.json": json.dumps(make_schema(values, definition), indent=2) + "\n",
        chart / "README.md": make_readme(template, values),
    }


def make_kustomize() -> dict[Path, str]:
    """Path and content of the kustomize files; empty without Helm."""
    binaries = find_binaries()
    if not binaries:
        sys.stderr.write("Helm is not installed: deploy/kustomize is not updated\n")
        return {}
    return make_overlays(helm_render(binaries[-1].helm, CHART), CHART, ROOT / "deploy")


def find_stale(files: dict[Path, str]) -> list[Path]:
    """Files with missing or outdated content."""
    return [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main(arguments: list[str]) -> int:
    """Run the command.

    Returns:
        The exit code.
    """
    if arguments == ["--check"]:
        stale = find_stale(make_files() | make_kustomize())
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale; run make chart-docs\n")
        return 1 if stale else 0
    # In this order: the chart is rendered with its new schema.
    for make in (make_files, make_kustomize):
        for path, text in make().items():
            path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
