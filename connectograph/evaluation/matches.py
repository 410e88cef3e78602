"""Synapses of a prediction matched with those of the truth: blocks of report.json and a table.

Overlap and distances are reported beside connectivity, because none tells the other: a synapse can overlap well and
join wrong segments, and overlap poorly and join the right ones.

Functions: :func:`match_sides`, :func:`measure_distances`.
"""

from __future__ import annotations

from typing import Any

from connectograph.evaluation.content import undefined
from connectograph.evaluation.measures import Measures
from connectograph.evaluation.sides import Side
from connectograph.synapses import Synapses

__all__ = ["match_sides", "measure_distances"]

_MAX_CLEFT_VOXELS = 50_000_000
"""Synapse voxels of a side up to which distances are measured (8 bytes each)."""


def match_sides(truth: Side, predicted: Side) -> Measures:
    """Match the synapses of both sides by the voxels they share, and compare the segments that they join.

    Parameters
    ----------
    truth, predicted : Side
        On the same grid.

    Returns
    -------
    Measures
        The block "synapse_matching" and the table "synapse_matches", both of
        :class:`~connectograph.matching.SynapseMatch`.
    """
    from connectograph.matching import match_synapses  # not needed where there is no prediction

    found = match_synapses(
        truth.synapses,
        predicted.synapses,
        links_truth=truth.tables["links_truth"],
        links_predicted=predicted.tables["links_predicted"],
    )
    return Measures({"synapse_matching": found.to_dict()}, {"synapse_matches": found.table})


def measure_distances(truth: Synapses, predicted: Synapses, *, workers: int = 1) -> dict[str, Any]:
    """The block "clefts": CREMI's cleft statistics.

    Parameters
    ----------
    truth, predicted : Synapses
        On the same grid, the prediction read with ``ignore=truth``.
    workers : int
        Threads; more than two would hold up what runs beside them.

    Returns
    -------
    dict
        Of :class:`~connectograph.matching.CleftDistances`; null with the reason where there are too many voxels.

    Examples
    --------
    >>> import numpy as np
    >>> from connectograph.synapses import label_synapses
    >>> from connectograph.volumes import Volume
    >>> sides = [label_synapses(Volume(np.array([[row]]), voxel_size=(40, 4, 4))) for row in ([3, 0, 0], [0, 0, 8])]
    >>> measure_distances(*sides)["clefts"]["cremi_score"]
    8.0
    """
    from connectograph.matching import compare_clefts

    n_voxels = max(int(side.lengths.sum(dtype="int64")) for side in (truth, predicted))
    if n_voxels > _MAX_CLEFT_VOXELS:
        reason = f"{n_voxels} synapse voxels on one side, more than {_MAX_CLEFT_VOXELS}"
        return undefined("clefts", f"{reason}; connectograph.matching.compare_clefts(truth, predicted) measures them")
    return {"clefts": compare_clefts(truth, predicted, workers=workers).to_dict()}
