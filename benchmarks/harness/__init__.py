"""Harness: processes of the contenders, the record of executions, fill of stores, HTTP load."""
