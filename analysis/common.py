"""What the studies share: where real data may lie, and how a study writes its table, figure and provenance."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

__all__ = ["SHARED", "describe_provenance", "write_study"]

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Real data beside the repository, used where it is present."""

_PACKAGES = ("connectograph", "numpy", "scipy", "pandas", "networkx", "numba", "matplotlib")


def describe_provenance(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Date, versions, machine and settings of a study."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {name: version(name) for name in _PACKAGES},
        "settings": dict(settings),
    }


def write_study(folder: Path, name: str, table: pd.DataFrame, figure: Figure, settings: Mapping[str, Any]) -> None:
    """Write ``NAME.csv``, ``NAME.pdf`` and ``NAME.json`` to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")
    figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})
    (folder / f"{name}.json").write_text(json.dumps(describe_provenance(settings), indent=2) + "\n")
