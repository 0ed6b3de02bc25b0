"""What is generated in the chart: its schema and its README, from values.yaml and from the services' settings."""
