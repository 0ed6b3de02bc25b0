"""How Taskyard is deployed, and what is generated for that."""
