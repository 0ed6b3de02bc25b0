"""The Kubernetes API: client, scale targets and reachability."""
