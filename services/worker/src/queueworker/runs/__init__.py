"""Runs: attempts of tasks in this worker, from lease to outcome."""
