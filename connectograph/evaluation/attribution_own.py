"""Errors of a prediction with a segmentation of its own: what the synapses would join in the other segmentation.

Functions: :func:`find_counterparts` (of contacts), :func:`name_counterparts` (of any links).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from connectograph.attribution import OwnSegmentation as Counterpart
from connectograph.attribution import SegmentPieces
from connectograph.contacts.synapse_contacts import SynapseNeighbours, keep_contacts
from connectograph.evaluation.segmentations import OwnSegmentation
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.sparse import keep_among, list_proofread
from connectograph.partners import assign_partners
from connectograph.segments import kept_ids

__all__ = ["find_counterparts", "name_counterparts"]


def find_counterparts(
    own: OwnSegmentation, place: int, in_truth: SynapseNeighbours, segments: pd.DataFrame, settings: Settings
) -> dict[str, Any]:
    """What attributing errors to synapses, partners, splits and merges takes besides the tables.

    Parameters
    ----------
    own : OwnSegmentation
    place : int
        Of the prediction among several.
    in_truth : SynapseNeighbours
        What lies near the prediction's synapses in the true segmentation.
    segments : pandas.DataFrame
        The table "segments" of the truth.
    settings : Settings

    Returns
    -------
    dict
        Arguments of :func:`~connectograph.evaluation.attribution.explain_errors`.
    """
    in_true_segments, in_predicted_segments = (
        assign_partners(
            keep_contacts(near.contacts, kept),
            rule=settings.partner_rule,
            min_contact_voxels=settings.min_contact_voxels,
        )
        for near, kept in ((in_truth, segments), (own.neighbours[0], own.named))
    )
    known = name_counterparts(own, in_true_segments, in_predicted_segments, settings)
    return {
        **known,
        "segmentation": replace(known["segmentation"], omitted=_list_omitted(own, place)),
        "pieces": _collect_pieces(own, place, segments, settings),
    }


def name_counterparts(
    own: OwnSegmentation, predicted_in_truth: pd.DataFrame, truth_in_predicted: pd.DataFrame, settings: Settings
) -> dict[str, Any]:
    """The same of links that are known: those of the synapses of either side in the segmentation of the other.

    Parameters
    ----------
    own : OwnSegmentation
    predicted_in_truth, truth_in_predicted : pandas.DataFrame
        Tables "links" under the ids of the graphs.
    settings : Settings

    Returns
    -------
    dict
        Arguments of :func:`~connectograph.evaluation.attribution.explain_errors`.
    """
    links = [predicted_in_truth, truth_in_predicted]
    if settings.proofread is not None:
        links = [keep_among(each, list_proofread(settings.proofread, own.matches)) for each in links]
    rows = own.matches[own.matches["predicted_segment"] != 0]
    neurons = Counterpart(links[0], rows["segment_id"].to_numpy(), rows["majority_segment"].to_numpy())
    return {"segmentation": neurons, "truth_in_predicted": links[1]}


def _list_omitted(own: OwnSegmentation, place: int) -> pd.DataFrame:
    """`synapse_id`, `segment_id`: neurons of which nothing near a predicted synapse is in another's segment.

    What is there is on the background of the prediction, below its size limit, or in the neuron's own segments.
    """
    parts = own.overlaps.assign(piece_id=own.pieces.ids)
    parts = parts[parts["true_segment"] != 0]
    pairs = own.matches[["predicted_segment", "majority_segment"]]
    at_home = parts.merge(pairs.rename(columns={"majority_segment": "true_segment"}))["piece_id"]
    small = own.segments.loc[own.segments["status"] == "below_size", "segment_id"]
    nowhere = (parts["predicted_segment"] == 0) | parts["predicted_segment"].isin(small)
    held = parts.assign(held=~(nowhere | parts["piece_id"].isin(at_home)))[["true_segment", "piece_id", "held"]]
    near = own.pieces.neighbourhoods[1 + place][["synapse_id", "segment_id"]].drop_duplicates()
    found = near.merge(held, left_on="segment_id", right_on="piece_id")
    columns = {"synapse_id": found["synapse_id"], "segment_id": found["true_segment"], "held": found["held"]}
    neurons = pd.DataFrame(columns).groupby(["synapse_id", "segment_id"], as_index=False).any()
    return neurons[~neurons["held"]]


def _collect_pieces(own: OwnSegmentation, place: int, segments: pd.DataFrame, settings: Settings) -> SegmentPieces:
    """Pieces of kept predicted segments, and what of them lies near the synapses."""
    names = pd.Series(own.names, index=own.segments["segment_id"].to_numpy())
    rows = own.overlaps.assign(piece_id=own.pieces.ids, **own.pieces.corners)
    rows = rows[rows["predicted_segment"].isin(kept_ids(own.segments))]
    table = rows.assign(segment_id=names.loc[rows["predicted_segment"].to_numpy()].to_numpy())
    near = {"truth": own.pieces.neighbourhoods[0], "predicted": own.pieces.neighbourhoods[1 + place]}
    return SegmentPieces(
        table=table,
        near={side: each[each["segment_id"].isin(table["piece_id"])] for side, each in near.items()},
        kept=kept_ids(segments),
        excluded=segments.loc[segments["status"] == "excluded", "segment_id"].to_numpy(),
        used=own.segments["segment_id"].to_numpy(),
        min_segment_voxels=settings.min_segment_voxels,
        partner_rule=settings.partner_rule,
        min_contact_voxels=settings.min_contact_voxels,
        known=None if settings.proofread is None else list_proofread(settings.proofread, own.matches),
    )
