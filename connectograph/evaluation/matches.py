"""Synapses of a prediction matched with those of the truth: the block "synapse_matching" of report.json and its table.

Overlap is reported beside connectivity, because neither tells the other: a synapse can overlap well and join wrong
segments, and overlap poorly and join the right ones.

Functions: :func:`match_sides`.
"""

from __future__ import annotations

from connectograph.evaluation.measures import Measures
from connectograph.evaluation.sides import Side

__all__ = ["match_sides"]


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
