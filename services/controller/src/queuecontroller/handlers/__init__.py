"""The rim towards kopf: what it calls, and how it is run. Nothing is decided here."""
