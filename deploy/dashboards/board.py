"""Builder of a dashboard: variables, links to the other dashboards, rows of panels."""

from __future__ import annotations

import json

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as of_dashboard

from deploy.dashboards.panel import SOURCE, Panel

TAG = "taskyard"
_WIDTH = 24
"""Columns of Grafana's grid."""


class Board:
    """One dashboard.

    Args:
        name: of its file; with the tag as prefix, its stable uid.
        title: display name.
        description: the questions that it answers.
    """

    def __init__(self, name: str, title: str, description: str) -> None:
        self.name = name
        self._next_id = 1
        self._y = 0
        self._builder = (
            dashboard.Dashboard(f"Taskyard / {title}")
            .uid(f"{TAG}-{name}")
            .description(description)
            .tags([TAG])
            .editable()
            .timezone("browser")
            .tooltip(of_dashboard.DashboardCursorSync.CROSSHAIR)
            .refresh("30s")
            .time("now-1h", "now")
            .link(
                dashboard.DashboardLink("Taskyard")
                .type(of_dashboard.DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .as_dropdown(True)
                .include_vars(True)
                .keep_time(True)
            )
            .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        )
        # Namespaces of pods, and of pools reconciled by a controller in another namespace.
        series = '{__name__=~"taskyard_build_info|taskyard_workerpool_replicas"}'
        self.variable("namespace", "Namespace", f"label_values({series}, namespace)")

    def variable(self, name: str, label: str, query: str) -> Board:
        """Add a multi-value variable with all values selected."""
        self._builder.with_variable(
            dashboard.QueryVariable(name)
            .label(label)
            .datasource(SOURCE)
            .query({"query": query, "refId": name})
            .refresh(of_dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(of_dashboard.VariableSort.ALPHABETICAL_ASC)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(of_dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]))
        )
        return self

    def row(self, title: str, *panels: Panel) -> Board:
        """Add panels under a heading, from left to right with line breaks."""
        self._builder.with_row(dashboard.Row(title).id(self._take_id()).grid_pos(_position(0, self._y, _WIDTH, 1)))
        x, y, height = 0, self._y + 1, 0
        for panel in panels:
            wanted = panel.build().grid_pos
            assert wanted is not None, "every kind of panel sets its size"
            if x + wanted.w > _WIDTH:
                x, y, height = 0, y + height, 0
            self._builder.with_panel(panel.id(self._take_id()).grid_pos(_position(x, y, wanted.w, wanted.h)))
            x, height = x + wanted.w, max(height, wanted.h)
        self._y = y + height
        return self

    def to_json(self) -> str:
        """Render the dashboard."""
        built = json.loads(JSONEncoder().encode(self._builder.build()))
        for variable in built["templating"]["list"]:
            # The SDK writes fields of interval variables into every variable.
            for key in ("auto", "auto_min", "auto_count"):
                del variable[key]
        return json.dumps(built, indent=2, ensure_ascii=False) + "\n"

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1


def _position(x: int, y: int, width: int, height: int) -> of_dashboard.GridPos:
    return of_dashboard.GridPos(x=x, y=y, w=width, h=height)
