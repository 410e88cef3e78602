"""What a report is made of: the content of a run directory, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["ReportContents", "block_of", "reason_of"]


@dataclass(frozen=True, eq=False)
class ReportContents:
    """Everything a report draws from.

    Attributes
    ----------
    report : dict
        report.json: the numbers, the settings, the verdict.
    run : dict or None
        run.json: paths, versions, command, times, host.
    tables : dict of str to DataFrame
        Tables by name ("edge_outcomes", "segments", "edges_truth", ...); any may be missing.
    slices : dict of str to array, or None
        One plane of the volumes: "z_index", "step", "segmentation" (Y, X) uint64, optionally "truth", "predicted"
        (Y, X) uint64 with 0 = background, "raw" (Y, X) uint8.
    crops : dict of str to array, optional
        The volumes around the worst errors, of :func:`connectograph.evaluation.crops.cut_crops`.
    """

    report: dict[str, Any]
    run: dict[str, Any] | None
    tables: dict[str, pd.DataFrame]
    slices: dict[str, npt.NDArray[np.generic]] | None
    crops: dict[str, npt.NDArray[np.generic]] | None = None


def block_of(report: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A block of report.json, empty if it is null or absent.

    Examples
    --------
    >>> block_of({"strict": None}, "strict")
    {}
    """
    return report.get(key) or {}


def reason_of(report: Mapping[str, Any], key: str) -> str:
    """Why a block or number is null.

    Examples
    --------
    >>> reason_of({"edges": None, "edges_reason": "no prediction was given"}, "edges")
    'no prediction was given'
    """
    return str(report.get(f"{key}_reason") or "it was not recorded")
