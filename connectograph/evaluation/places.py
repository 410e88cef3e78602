"""Where connections are right and wrong: near the border of the volume or inside, and section by section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.compare import score_counts
from connectograph.volumes import Volume

__all__ = ["describe_places"]

_N_DISTANCES = 4
_N_SLABS = 8


def describe_places(tables: Mapping[str, pd.DataFrame], volume: Volume) -> dict[str, Any]:
    """The block "places": scores by distance from the nearest face of the volume, and by depth.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        With "edge_outcomes"; without it there is no block.
    volume : Volume
        The segmentation.

    Returns
    -------
    dict
        "box_nm", the corners of the volume; "n_placed", "n_unplaced", connections with and without a place;
        "by_distance", quarters of the placed connections by falling closeness to a face; "by_depth", slabs of equal
        height along z; each with "lower_nm", "upper_nm" and the counts and scores of what lies there.
    """
    if "edge_outcomes" not in tables:
        return {}
    table = tables["edge_outcomes"]
    place = table[["z_nm", "y_nm", "x_nm"]].to_numpy()
    known = ~np.isnan(place).any(axis=1)
    place, outcome = place[known], table["outcome"].to_numpy()[known]
    low = np.array(volume.offset, float)
    high = low + np.multiply(volume.shape, volume.voxel_size)
    distance = np.minimum(place - low, high - place).min(axis=1)
    block = {
        "box_nm": [low.tolist(), high.tolist()],
        "n_placed": int(known.sum()),
        "n_unplaced": int((~known).sum()),
        "by_distance": _score_bins(distance, outcome, _cut_quantiles(distance)),
        "by_depth": _score_bins(place[:, 0], outcome, np.linspace(low[0], high[0], min(_N_SLABS, volume.shape[0]) + 1)),
    }
    return {"places": block}


def _cut_quantiles(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ends of bins that hold equal numbers, as far as equal values allow."""
    if not len(values):
        return np.zeros(0)
    ends = np.unique(np.quantile(values, np.linspace(0, 1, _N_DISTANCES + 1)))
    return ends if len(ends) > 1 else np.repeat(ends, 2)


def _score_bins(
    values: npt.NDArray[np.float64], outcome: npt.NDArray[Any], ends: npt.NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Counts and scores of the connections between ends; the last bin holds its upper end too."""
    rows = []
    place = np.clip(np.searchsorted(ends, values, side="right") - 1, 0, len(ends) - 2)
    for index, (lower, upper) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)):
        here = outcome[place == index]
        score = score_counts(*(int((here == name).sum()) for name in ("tp", "fp", "fn")))
        rows.append({"lower_nm": lower, "upper_nm": upper, **score.to_dict()})
    return rows
