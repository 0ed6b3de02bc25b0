"""``taskyard new``: a small service to start from, and its template."""
