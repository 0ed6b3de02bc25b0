"""Runs: one attempt of one task in this worker, from lease to outcome."""
