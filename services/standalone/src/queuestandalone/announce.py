"""What a person reads when everything runs."""

from __future__ import annotations

import secrets
from pathlib import Path

from queuestandalone.place import Place


def describe_place(place: Place, data_path: Path) -> str:
    """Where everything is, and commands for a first task."""
    # A new id each time, so that the commands work however often they are copied.
    task_id = f"hello-{secrets.token_hex(3)}"
    api, scheduler, worker = place.api_url, place.scheduler_probe_url, place.worker_probe_url
    body = f'{{"type": "demo", "payload": {{"message": "Hello", "count": 2}}, "task_id": "{task_id}"}}'
    return f"""
Taskyard runs. Ctrl-C stops it; what is queued stays in {data_path}.

  API        {api}
  Schema     {api}/schema
  Metrics    {api}/metrics  {scheduler}/metrics  {worker}/metrics
  Probes     {api}/ready  {scheduler}/ready  {worker}/ready

A first task, and what became of it:

  curl -s {api}/api/v1/tasks -H 'Content-Type: application/json' -d '{body}'
  curl -s {api}/api/v1/tasks/{task_id}

"""
