"""Kinds of panels: graphs, single figures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as of_common
from grafana_foundation_sdk.models import dashboard as of_dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Panel: TypeAlias = stat.Panel | table.Panel | timeseries.Panel
P = TypeVar("P", stat.Panel, table.Panel, timeseries.Panel)
Unit = Literal["short", "s", "percentunit", "bytes", "ops", "reqps", "cps"]
Thresholds = Sequence[tuple[float, str]]
"""Lower bound and colour of each range; values below the first bound are good."""

SOURCE = of_dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
RUNBOOKS = "https://taskyard.dev/docs/operations/runbooks"
"""The chart replaces it with its value `monitoring.runbookUrl`."""

_QUEUE = (
    "/d/taskyard-queue?var-queue=${__field.labels.queue}"
    "&${datasource:queryparam}&${namespace:queryparam}&${__url_time_range}"
)

GOOD, WARN, BAD = "green", "orange", "red"
UP: Thresholds = ((1, GOOD),)
"""For series that are 1 in the good state."""
NONE_ALLOWED: Thresholds = ((1, BAD),)


class Query(NamedTuple):
    """A PromQL expression and the legend of its series."""

    expression: str
    legend: str = ""


def graph(
    title: str,
    description: str,
    *queries: Query,
    unit: Unit = "short",
    thresholds: Thresholds = (),
    stacked: bool = False,
    most: float | None = None,
    runbook: str = "",
) -> timeseries.Panel:
    """Lines over time.

    Args:
        title: of the panel.
        description: meaning of the values, and which ones are bad.
        queries: one or more lines each.
        unit: of all values.
        thresholds: drawn as dashed lines.
        stacked: whether the values are parts of a whole.
        most: maximum of the axis.
        runbook: name of the related alert.
    """
    panel = (
        timeseries.Panel()
        .unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(30 if stacked else 8)
        .show_points(of_common.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(of_common.LegendDisplayMode.TABLE)
            .placement(of_common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common.VizTooltipOptions().mode(of_common.TooltipDisplayMode.MULTI).sort(of_common.SortOrder.DESCENDING)
        )
        .span(12)
        .height(8)
    )
    if stacked:
        panel.stacking(common.StackingConfig().mode(of_common.StackingMode.NORMAL).group("A"))
    if most is not None:
        panel.max(most)
    if thresholds:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(of_common.GraphThresholdsStyleMode.DASHED))
    if any("{{queue}}" in query.legend for query in queries):
        panel.data_links([_link("Details of ${__field.labels.queue}", _QUEUE)])
    for number, query in enumerate(queries):
        panel.with_target(_target(query, number).range().exemplar("_bucket" in query.expression))
    return _finish(panel, title, description, thresholds, runbook)


def figure(
    title: str,
    description: str,
    expression: str,
    *,
    unit: Unit = "short",
    thresholds: Thresholds = (),
    words: dict[int, str] | None = None,
    runbook: str = "",
) -> stat.Panel:
    """The current value of a series; arguments as in :func:`graph`, and ``words`` are shown instead of values."""
    panel = (
        stat.Panel()
        .unit(unit)
        .color_mode(of_common.BigValueColorMode.BACKGROUND if thresholds else of_common.BigValueColorMode.VALUE)
        .graph_mode(of_common.BigValueGraphMode.NONE if words else of_common.BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(Query(expression), 0).range())
        .span(4)
        .height(4)
    )
    if words:
        options = {str(value): of_dashboard.ValueMappingResult(text=text) for value, text in words.items()}
        panel.mappings([of_dashboard.ValueMap(options=options)])
    return _finish(panel, title, description, thresholds, runbook)


def listing(title: str, description: str, *queries: Query, unit: Unit = "short", runbook: str = "") -> table.Panel:
    """A table of current values: a row per label set, a column per query, named by its legend."""
    panel = table.Panel().unit(unit).filterable(True).span(24).height(8)
    renamed = {f"Value #{_letter(number)}": query.legend for number, query in enumerate(queries)}
    for number, query in enumerate(queries):
        panel.with_target(_target(query, number).instant().format(PromQueryFormat.TABLE))
    panel.with_transformation(of_dashboard.DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(
        of_dashboard.DataTransformerConfig(
            id_val="organize", options={"excludeByName": {"Time": True, "job": True}, "renameByName": renamed}
        )
    )
    return _finish(panel, title, description, (), runbook)


def _target(query: Query, number: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().datasource(SOURCE).ref_id(_letter(number)).expr(query.expression)
    return target.legend_format(query.legend) if query.legend else target


def _finish(panel: P, title: str, description: str, thresholds: Thresholds, runbook: str) -> P:
    panel.title(title).description(description).datasource(SOURCE)
    if thresholds:
        colours = [color for _, color in thresholds]
        below = BAD if colours == [GOOD] else GOOD
        steps = [of_dashboard.Threshold(None, below)]
        steps += [of_dashboard.Threshold(value, color) for value, color in thresholds]
        panel.thresholds(dashboard.ThresholdsConfig().mode(of_dashboard.ThresholdsMode.ABSOLUTE).steps(steps))
    if runbook:
        panel.links([_link(f"Runbook {runbook}", f"{RUNBOOKS}/{runbook}.md").target_blank(True)])
    return panel


def _link(title: str, url: str) -> dashboard.DashboardLink:
    return dashboard.DashboardLink(title).type(of_dashboard.DashboardLinkType.LINK).url(url)


def _letter(number: int) -> str:
    return chr(ord("A") + number)
