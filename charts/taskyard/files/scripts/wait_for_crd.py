"""Waits until the Kubernetes API serves WorkerPools, shortly after the first install of their definition.

Argument: a path of the Kubernetes API that then responds with 200. Uses the standard library only.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path

PATIENCE_S = 60
_PAUSE_S = 0.5
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def wait(path: str, account: Path = _ACCOUNT) -> None:
    """Wait until the path responds with 200."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    headers = {"Authorization": f"Bearer {(account / 'token').read_text()}"}
    request = urllib.request.Request(f"https://{host}:{port}{path}", headers=headers)
    trust = ssl.create_default_context(cafile=str(account / "ca.crt"))
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5, context=trust):
                return
        except (OSError, HTTPException) as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"{path} is not served: {error}") from error
        time.sleep(_PAUSE_S)


if __name__ == "__main__":
    wait(sys.argv[1])
