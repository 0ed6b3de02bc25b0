"""An environment of its own for each peer, under ``.cache``, with pinned and hashed packages."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.peers.catalogue import OURS

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "benchmarks"
REQUIREMENTS = Path(__file__).parent / "requirements"
INSTALL_S = 600


def interpreter(name: str) -> Path:
    """The Python that runs a contender: for ours this one, for peers that of their environment."""
    return Path(sys.executable) if name == OURS else CACHE / name / "bin" / "python"


def prepare(name: str) -> None:
    """Make a peer's environment, unless it is there and has what its requirements say.

    Raises:
        RuntimeError: it cannot be installed; the message has what the installer said.
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
