"""Generator of the chart's schema and README (from values.yaml and the services' settings) and of kustomize files."""
