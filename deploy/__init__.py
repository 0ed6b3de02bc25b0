"""Deployment: generators of the chart's derived files, the kustomize files and the dashboards."""
