"""Where the numbers come from: files, versions, machine, memory."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from connectograph._version import __version__
from connectograph.volumes import Volume

__all__ = ["describe_files", "describe_machine", "describe_notices"]

_PACKAGES = ("numpy", "scipy", "pandas", "networkx", "numba", "h5py", "pyarrow", "matplotlib")


def describe_files(volumes: Mapping[str, Volume], files: Mapping[str, str]) -> dict[str, Any]:
    """For each input its file (empty when it was made in memory), stored type and what was assumed about it."""
    return {
        role: {"path": files.get(role, ""), "dtype": str(volume.dtype), "assumed": list(volume.assumed)}
        for role, volume in volumes.items()
    }


def describe_notices(volumes: Mapping[str, Volume]) -> list[str]:
    """What readers say that belongs beside every number: chunks that were missing."""
    return [f"{role}: {notice}" for role, volume in volumes.items() for notice in volume.notices]


def describe_machine() -> dict[str, Any]:
    """Versions, host and peak memory of this process."""
    return {
        "versions": {"connectograph": __version__, "python": platform.python_version(), **_versions()},
        "host": platform.node(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "peak_memory_bytes": _peak_memory_bytes(),
    }


def _peak_memory_bytes() -> int:
    """Largest resident memory that this process had so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = _find_version(distribution(name))
    return found


def _find_version(package: Distribution) -> str:
    """As `package.version`, without parsing what the package says of itself as an email."""
    lines = (package.read_text("METADATA") or "").splitlines()
    stated = next((line for line in lines if line.startswith("Version: ")), "")
    return stated.removeprefix("Version: ").strip() or package.version
