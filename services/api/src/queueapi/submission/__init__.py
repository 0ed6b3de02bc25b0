"""Submission: from a request body to enqueued tasks."""
