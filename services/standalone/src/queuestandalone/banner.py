"""Banners: the texts that ``make run`` and `taskyard dev` print once every process is ready."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from queuestandalone.addresses import Addresses


def format_banner(addresses: Addresses, data_path: Path) -> str:
    """The URLs of every process, and commands that send and read a first task."""
    # A new id each time, so that the commands work however often they are copied.
    task_id = f"hello-{secrets.token_hex(3)}"
    api, scheduler, worker = addresses.api_url, addresses.scheduler_probe_url, addresses.worker_probe_url
    body = f'{{"type": "demo", "payload": {{"message": "Hello", "count": 2}}, "task_id": "{task_id}"}}'
    return f"""
Taskyard runs. Ctrl-C stops it; what is queued stays in {data_path}.

  API        {api}
  Schema     {api}/schema
  Metrics    {api}/metrics  {scheduler}/metrics  {worker}/metrics
  Probes     {api}/ready  {scheduler}/ready  {worker}/ready
  Store      {addresses.shown_redis_url}

Send a first task and read its result:

  curl -s {api}/api/v1/tasks -H 'Content-Type: application/json' -d '{body}'
  curl -s {api}/api/v1/tasks/{task_id}

"""


def format_dev_banner(addresses: Addresses, data_path: Path, *, apps: str, watched: Sequence[Path]) -> str:
    """The URLs for the author of apps.

    Args:
        addresses: of all processes.
        data_path: the data folder.
        apps: the names of the apps, separated by commas.
        watched: the folders whose files are watched; empty without reload.
    """
    api = addresses.api_url
    reload = " ".join(map(str, watched)) if watched else "off"
    return f"""
Taskyard runs {apps}. Ctrl-C stops it; what is queued stays in {data_path}.

  API        {api}
  Schema     {api}/schema
  Metrics    {api}/metrics
  Store      {addresses.shown_redis_url}
  Reload     {reload}

In another terminal:

  export TASKYARD_URL={api}
  taskyard types
  taskyard queues

"""
