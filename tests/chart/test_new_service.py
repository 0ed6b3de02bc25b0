from __future__ import annotations

import re
from pathlib import Path

import yaml

from taskyard.cli.project.scaffold import render_project
from tests.chart.helm import CHART, Helm
from tests.chart.manifests import containers, environment


def test_chart_takes_the_values_of_a_new_service(helms: list[Helm], tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(render_project("web-shop", "0.1.0")["values.yaml"])
    for helm in helms:
        worker = helm.render(files=[values]).get("Deployment", "taskyard-worker-web-shop")
        (container,) = containers(worker)
        assert container["image"].endswith("example/web-shop:0.1.0")
        assert environment(worker)["TASKYARD_WORKER_QUEUES"] == "web-shop"


def test_image_of_a_new_service_has_the_release_of_the_chart() -> None:
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    dockerfile = render_project("web-shop", version)["Dockerfile"]
    assert re.findall(r"(?m)^FROM (.+)$", dockerfile) == [f"taskyard/worker:{version}"]
