"""Dashboards as code: `make dashboards` renders them into the JSON files for Grafana."""
