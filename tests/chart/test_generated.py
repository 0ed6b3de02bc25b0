from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.chart.__main__ import find_stale, make_files, make_kustomize
from deploy.chart.settings import BLOCKS, camel_case
from deploy.chart.values import Values
from tests.chart.helm import CHART

COMPONENTS = ("api", "scheduler", "worker", "controller")


@pytest.fixture(scope="module")
def values() -> Values:
    return Values(CHART / "values.yaml")


def test_readme_and_schema_are_fresh() -> None:
    assert find_stale(make_files()) == [], "run make chart-docs"


@pytest.mark.usefixtures("binaries")
def test_kustomize_files_are_fresh() -> None:
    assert find_stale(make_kustomize()) == [], "run make chart-docs"


def test_change_of_a_value_would_be_found(tmp_path: Path) -> None:
    for name in ("values.yaml", "README.md.tmpl", "README.md", "values.schema.json", "files/crds/workerpools.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((CHART / name).read_bytes())
    with (tmp_path / "values.yaml").open("a", encoding="utf-8") as file:
        file.write("\n# -- Another one.\nanother: true\n")
    assert {each.name for each in find_stale(make_files(tmp_path))} == {"README.md", "values.schema.json"}


def test_value_without_comment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("a:\n  # -- Said.\n  b: 1\n  c: 2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.c has no comment"):
        list(Values(tmp_path / "values.yaml").leaves())


def test_components_have_the_same_keys_in_the_same_order(values: Values) -> None:
    keys = {each: [key for key in values.defaults[each] if key not in ("enabled", "scope")] for each in COMPONENTS}
    shared = keys["scheduler"]
    assert len(shared) > 20
    assert all(found[: len(shared)] == shared for found in keys.values())


def test_values_stay_readable() -> None:
    assert len((CHART / "values.yaml").read_text(encoding="utf-8").splitlines()) < 600
    assert all(len(each.read_text("utf-8").splitlines()) <= 120 for each in (CHART / "templates").rglob("*.*"))


def test_every_setting_of_a_service_can_be_set() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    for block in BLOCKS:
        found = schema
        for key in block.path:
            found = found["properties"][key]
        assert found["properties"].keys() == block.rows().keys()
        assert found["additionalProperties"] is False


def test_camel_case_is_what_templates_turn_back() -> None:
    assert camel_case("TLS_CA_FILE") == "tlsCaFile"
