"""Builds and runs images with podman."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = ("api", "scheduler", "worker", "controller")
BUILD_TIMEOUT_S = 600
_TIMEOUT_S = 60

# For podman in a container without systemd and without its own network.
_CONFIGURATION = """
[containers]
netns = "host"
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""


class PodmanFailed(Exception):
    """A command failed; the message is its output."""


class Podman:
    """Podman, as root in a container or as this machine's user.

    Args:
        folder: for its configuration.
    """

    def __init__(self, folder: Path) -> None:
        self._environ = dict(os.environ)
        if os.geteuid() == 0:
            (folder / "containers.conf").write_text(_CONFIGURATION, encoding="utf-8")
            self._environ["CONTAINERS_CONF"] = str(folder / "containers.conf")

    def __call__(self, *arguments: str, timeout_s: float = _TIMEOUT_S) -> str:
        """Run a command and return its output.

        Raises:
            PodmanFailed: it ended with an error.
        """
        done = self.try_to(*arguments, timeout_s=timeout_s)
        if done.returncode:
            raise PodmanFailed(f"podman {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def try_to(self, *arguments: str, timeout_s: float = _TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail."""
        return subprocess.run(
            ["podman", *arguments],
            cwd=ROOT,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def has_image(self, name: str) -> bool:
        """Whether an image exists locally."""
        return self.try_to("image", "exists", name).returncode == 0

    def build(self, tag: str, *options: str, context: Path = ROOT) -> None:
        """Build an image."""
        certificates = Path("/etc/ssl/certs/ca-certificates.crt")
        trust = [f"--volume={certificates}:{certificates}:ro"] if certificates.exists() else []
        self(
            "build", "--pull=never", "--network=host", *trust, "--tag", tag, *options, str(context),
            timeout_s=BUILD_TIMEOUT_S,
        )  # fmt: skip

    @contextmanager
    def container(
        self, image: str, environ: Mapping[str, str], options: Sequence[str] = (), command: Sequence[str] = ()
    ) -> Iterator[str]:
        """Run a container with the security settings of the chart's pods, removed at the end of the block."""
        variables = [f"--env={name}={text}" for name, text in environ.items()]
        name = self("run", "--detach", *HARDENED, *variables, *options, image, *command).strip()
        try:
            yield name
        finally:
            self("rm", "--force", "--time=0", name)

    def exit_code(self, name: str) -> int:
        """Wait for the end of a container and return its exit code."""
        return int(self("wait", name).strip())


# The security contexts of the chart's values.
HARDENED = (
    "--network=host",
    "--read-only",
    "--read-only-tmpfs=false",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=512m",
    "--pids-limit=256",
)
