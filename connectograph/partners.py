"""Partner rules: from contacts to links, and why a synapse has none.

Conventions: a link joins two segments through one synapse. The rules here are undirected (source < target): a
contact does not say which side is presynaptic, and a rule never guesses.

Functions: :func:`assign_partners`, :func:`attach_synapses`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.errors import InputError
from connectograph.tables import make_table, validate_table

__all__ = ["RULES", "UNATTACHED_REASONS", "assign_partners", "attach_synapses"]

RULES = ("all-pairs", "top-pair")
"""Rules that turn contacts into links."""

UNATTACHED_REASONS = ("below_contact", "partner_filtered", "no_segment", "one_segment", "no_common_voxel")
"""Why a synapse has no link; the first that holds is given."""


def assign_partners(
    contacts: pd.DataFrame,
    *,
    rule: str = "all-pairs",
    min_contact_voxels: int = 1,
    synapses: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Links of the synapses, from their contacts with kept segments.

    Parameters
    ----------
    contacts : pandas.DataFrame
        The table "synapse_contacts".
    rule : {"all-pairs", "top-pair"}
        Every pair, or the pair with most voxels (ties: the smallest pair).
    min_contact_voxels : int
        A pair needs at least so many voxels.
    synapses : pandas.DataFrame, optional
        The table "synapses"; its `score_max` becomes the links' `score` (NaN without).

    Returns
    -------
    pandas.DataFrame
        The table "links", `directed` False.

    Raises
    ------
    InputError
        If the rule is unknown or the minimum is below 1.

    Examples
    --------
    >>> contacts = make_table("synapse_contacts", {"synapse_id": [5, 5], "segment_a": [1, 2], "segment_b": [2, 3],
    ...     "n_voxels": [4, 9], "z_nm": [0.0, 0.0], "y_nm": [0.0, 0.0], "x_nm": [0.0, 0.0]})
    >>> assign_partners(contacts, rule="top-pair")[["source", "target", "n_voxels"]].to_dict("list")
    {'source': [2], 'target': [3], 'n_voxels': [9]}
    """
    if rule not in RULES:
        raise InputError(f"partner rule is {rule!r}; expected one of {', '.join(RULES)}.")
    if min_contact_voxels < 1:
        raise InputError(f"min_contact_voxels is {min_contact_voxels}; expected 1 or more.")
    validate_table("synapse_contacts", contacts)
    rows = contacts[contacts["n_voxels"] >= min_contact_voxels]
    if rule == "top-pair":
        rows = rows.sort_values(
            ["synapse_id", "n_voxels", "segment_a", "segment_b"], ascending=[True, False, True, True]
        )
        rows = rows.drop_duplicates("synapse_id")
    return make_table(
        "links",
        {
            "synapse_id": rows["synapse_id"].to_numpy(),
            "source": rows["segment_a"].to_numpy(),
            "target": rows["segment_b"].to_numpy(),
            "directed": np.zeros(len(rows), bool),
            "n_voxels": rows["n_voxels"].to_numpy(),
            "score": _scores_of(rows["synapse_id"].to_numpy(), synapses),
            **{axis: rows[axis].to_numpy() for axis in ("z_nm", "y_nm", "x_nm")},
        },
    )


def attach_synapses(
    synapses: pd.DataFrame,
    links: pd.DataFrame,
    contacts: pd.DataFrame,
    touches: pd.DataFrame,
    kept: npt.NDArray[np.uint64],
) -> pd.DataFrame:
    """Say of every synapse whether it has a link and, if not, why.

    Parameters
    ----------
    synapses, links : pandas.DataFrame
        The tables of these names.
    contacts : pandas.DataFrame
        The table "synapse_contacts" over all segments, before the keep-list.
    touches : pandas.DataFrame
        `synapse_id, segment_id` of every segment found within the dilation of a synapse's voxels.
    kept : (N,) array of uint64
        Ids of the kept segments.

    Returns
    -------
    pandas.DataFrame
        A copy of `synapses` with `attached` and `unattached_reason`: the first of :data:`UNATTACHED_REASONS` that
        holds, '' if attached. "below_contact": a pair of kept segments, all below the minimum; "partner_filtered": a
        pair, but one of it is not kept; "no_segment", "one_segment": number of kept segments near;
        "no_common_voxel": several, but never two at one voxel.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> synapses = make_table("synapses", {"synapse_id": [1], "n_voxels": [3], "volume_nm3": [1.0], "z_nm": [0.0],
    ...     "y_nm": [0.0], "x_nm": [0.0], "score_max": [np.nan], "score_mean": [np.nan], "attached": [False],
    ...     "unattached_reason": [""]})
    >>> touches = pd.DataFrame({"synapse_id": np.array([1], "uint64"), "segment_id": np.array([7], "uint64")})
    >>> attach_synapses(synapses, empty_table("links"), empty_table("synapse_contacts"), touches,
    ...                 np.array([7], "uint64"))["unattached_reason"].tolist()
    ['one_segment']
    """
    ids = synapses["synapse_id"].to_numpy()
    both_kept = np.isin(contacts["segment_a"], kept) & np.isin(contacts["segment_b"], kept)
    near = touches.loc[np.isin(touches["segment_id"], kept), "synapse_id"].to_numpy()
    found, counts = np.unique(near, return_counts=True)
    n_near = np.zeros(len(ids), np.int64)
    n_near[np.searchsorted(ids, found)] = counts
    attached = np.isin(ids, links["synapse_id"])
    conditions = [
        attached,
        np.isin(ids, contacts.loc[both_kept, "synapse_id"]),
        np.isin(ids, contacts["synapse_id"]),
        n_near == 0,
        n_near == 1,
    ]
    reason = np.select(conditions, ["", *UNATTACHED_REASONS[:4]], default=UNATTACHED_REASONS[4])
    return synapses.assign(attached=attached, unattached_reason=pd.Series(reason, index=synapses.index, dtype="str"))


def _scores_of(synapse_ids: npt.NDArray[np.uint64], synapses: pd.DataFrame | None) -> npt.NDArray[np.float64]:
    if synapses is None or len(synapses) == 0:
        return np.full(len(synapse_ids), np.nan)
    place = np.searchsorted(synapses["synapse_id"].to_numpy(), synapse_ids)
    scores: npt.NDArray[np.float64] = synapses["score_max"].to_numpy()[place]
    return scores
