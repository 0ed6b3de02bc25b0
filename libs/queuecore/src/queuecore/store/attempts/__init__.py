"""Attempts: leasing, settlement, maintenance by schedulers, and wake-up notifications."""
