"""Errors of a prediction with a segmentation of its own: what the synapses would join in the other segmentation.

Functions: :func:`explain_own_errors`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from connectograph.attribution import OwnSegmentation as Counterpart
from connectograph.contacts import find_synapse_contacts
from connectograph.contacts.synapse_contacts import keep_contacts
from connectograph.evaluation.attribution import explain_errors
from connectograph.evaluation.measures import Measures
from connectograph.evaluation.segmentations import OwnSegmentation
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.sides import Side
from connectograph.partners import assign_partners
from connectograph.tables import SCHEMAS, make_table
from connectograph.volumes import Volume

__all__ = ["explain_own_errors"]


def explain_own_errors(
    volumes: Mapping[str, Volume],
    settings: Settings,
    own: OwnSegmentation,
    sides: Mapping[str, Side],
    tables: Mapping[str, pd.DataFrame],
) -> Measures:
    """Attribute errors to synapses, partners, splits and merges.

    Parameters
    ----------
    volumes : mapping of str to Volume
        "segmentation" and "predicted_segmentation".
    settings : Settings
    own : OwnSegmentation
    sides : mapping of str to Side
        "truth" and "predicted".
    tables : mapping of str to pandas.DataFrame
        As for :func:`~connectograph.evaluation.attribution.explain_errors`; "segments" are the true ones.

    Returns
    -------
    Measures
        As of :func:`~connectograph.evaluation.attribution.explain_errors`.

    Notes
    -----
    With segments that were split into their components the counterparts are taken of the segments as they are stored.
    """
    in_truth, in_predicted = (
        find_synapse_contacts(
            volumes[role], sides[side].synapses, dilation=settings.dilation, dilation_nm=settings.dilation_nm
        )
        for role, side in (("segmentation", "predicted"), ("predicted_segmentation", "truth"))
    )
    links = [
        assign_partners(contacts, rule=settings.partner_rule, min_contact_voxels=settings.min_contact_voxels)
        for contacts in (
            keep_contacts(in_truth, tables["segments"]),
            keep_contacts(_rename(in_predicted, own), own.named),
        )
    ]
    rows = own.matches[own.matches["predicted_segment"] != 0]
    neurons = Counterpart(links[0], rows["segment_id"].to_numpy(), rows["majority_segment"].to_numpy())
    return explain_errors(tables, segmentation=neurons, truth_in_predicted=links[1])


def _rename(contacts: pd.DataFrame, own: OwnSegmentation) -> pd.DataFrame:
    """Contacts of predicted segments under the ids of the graphs; those with a segment that has none are left out."""
    names = pd.Series(own.names, index=own.segments["segment_id"].to_numpy())
    rows = contacts[contacts["segment_a"].isin(names.index) & contacts["segment_b"].isin(names.index)]
    a, b = (names.loc[rows[end].to_numpy()].to_numpy() for end in ("segment_a", "segment_b"))
    return make_table(
        "synapse_contacts",
        {
            **{name: rows[name].to_numpy() for name in SCHEMAS["synapse_contacts"]},
            "segment_a": np.minimum(a, b),
            "segment_b": np.maximum(a, b),
        },
    )
