"""Recovery of tasks from lost workers: whose leases have expired, and what becomes of their tasks."""
