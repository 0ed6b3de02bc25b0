"""A service as a child process that a test may hurt."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec

from queuecore.child import bind_to_parent
from queuecore.embedded import HOST
from queuecore.testing.waiting import eventually

_START_S = 30.0
_STOP_S = 30.0


class ServiceProcess:
    """``python -m <module>``. Make one with :meth:`start`.

    Args:
        name: of its log file.
        process: the child.
        log_path: what it says, JSON lines.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, log_path: Path) -> None:
        self.name = name
        self.process = process
        self.log_path = log_path
        self.url = ""
        """Where it answers probes and scrapes."""

    @classmethod
    async def start(cls, name: str, module: str, environ: Mapping[str, str], folder: Path) -> ServiceProcess:
        """Start one; it takes a moment to come up."""
        log_path = folder / f"{name}.log"
        with log_path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module),
                env=environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                preexec_fn=bind_to_parent(),
            )
        return cls(name, process, log_path)

    async def until_started(self, event: str) -> None:
        """Wait until it says that it has started."""
        await eventually(lambda: self.ended or self.said(event), within_s=_START_S)
        assert not self.ended, self.log
        (started,) = self.said(event)
        self.url = started.get("url") or f"http://{HOST}:{started['probe_port']}"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self.process.returncode is not None

    @property
    def log(self) -> str:
        """All that it said."""
        return self.log_path.read_text()

    def said(self, event: str) -> list[dict[str, Any]]:
        """The log lines of one event."""
        return [line for line in map(_parse, self.log.splitlines()) if line.get("event") == event]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal. One that has ended by itself a moment ago, as handlers make workers do, takes none."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def kill(self) -> None:
        """End it at once (SIGKILL), as a lost machine would."""
        if not self.ended:
            self.send(signal.SIGKILL)
            await self.wait()

    async def stop(self) -> int:
        """Ask it to end (SIGTERM); its exit code."""
        self.send(signal.SIGTERM)
        return await self.wait()

    async def wait(self, within_s: float = _STOP_S) -> int:
        """Wait until it has ended; its exit code."""
        return await asyncio.wait_for(self.process.wait(), within_s)

    async def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        async with plain_http() as http:
            text = (await http.get(f"{self.url}/metrics")).text
        (value,) = [line.split(" ")[1] for line in text.splitlines() if line.startswith(f"{name} ")]
        return float(value)


def plain_http(url: str = "", timeout_s: float = 10.0) -> httpx.AsyncClient:
    """A client for services on this machine. It loads no certificates, which takes longer than most requests."""
    return httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=False, verify=False)


def _parse(line: str) -> dict[str, Any]:
    try:
        parsed = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
