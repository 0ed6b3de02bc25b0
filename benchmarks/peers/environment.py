"""Virtual environment of each peer, under ``.cache``, with pinned and hashed packages."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.peers.contender import OURS

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "benchmarks"
REQUIREMENTS = Path(__file__).parent / "requirements"
INSTALL_S = 600


def interpreter(name: str) -> Path:
    """The Python that runs a contender: the current one for Taskyard, that of the environment for peers."""
    return Path(sys.executable) if name == OURS else CACHE / name / "bin" / "python"


def prepare(name: str) -> None:
    """Create a peer's environment, unless it exists and matches its requirements.

    Raises:
        RuntimeError: the installation failed; the message has the output of pip.
    """
    if name == OURS:
        return
    requirements = REQUIREMENTS / f"{name}.txt"
    stamp = CACHE / name / ".installed"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"Installing {name}", file=sys.stderr)
    venv.create(CACHE / name, clear=True, with_pip=True, symlinks=True)
    command = [str(interpreter(name)), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    command += ["--require-hashes", "--no-deps", "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} cannot be installed: {done.stderr.strip()[-1000:]}")
    stamp.write_text(digest)
