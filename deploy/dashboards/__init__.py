"""The dashboards, built in code: the JSON files that Grafana opens are made of this by `make dashboards`."""
