"""Version bounds that our packages declare for libraries whose internals they use."""

from __future__ import annotations

import re
from importlib.metadata import requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version


def assert_bounded_to_minor(package: str, library: str) -> None:
    """Check that a package admits one minor of a library, and that it is the installed one."""
    # Extras that contain another one repeat its requirements.
    (declared,) = {
        str(each.specifier) for each in map(Requirement, requires(package) or ()) if _normal(each.name) == library
    }
    bound = SpecifierSet(declared)
    installed = Version(version(library))
    next_minor = f"{installed.major}.{installed.minor + 1}"
    assert bound.contains(installed), f"{installed} is installed, and {package} declares {library}{declared}"
    assert not bound.contains(next_minor), f"{package} declares {library}{declared}, which admits {next_minor}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
