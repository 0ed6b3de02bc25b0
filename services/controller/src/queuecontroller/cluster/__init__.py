"""The Kubernetes API: client and reachability."""
