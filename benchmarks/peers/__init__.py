"""Contenders: one client and worker module per task queue, each run in its own interpreter."""
