"""Partner rules: from contacts to links, and why a synapse has none.

Conventions: a link joins two segments through one synapse. Links of contacts are undirected (source < target): a
contact does not say which side is presynaptic, and a rule never guesses. Links of points or of presynaptic and
postsynaptic masks are directed, source to target: each pair of sites is one synapse, and synapses of one presynaptic
site share a `pre_site_id`; a polyadic synapse is links from one to many, never a clique.

Functions: :func:`assign_partners`, :func:`attach_synapses`; directed: :func:`link_points`, :func:`attach_points`,
:func:`pair_sites`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import EngineLike
from connectograph.contacts.synapse_contacts import scan_segmentation
from connectograph.errors import InputError
from connectograph.runs import RunLabels
from connectograph.synapses import Synapses, measure_synapses
from connectograph.tables import make_table, validate_table
from connectograph.volumes import Volume

__all__ = [
    "DIRECTED_RULES",
    "RULES",
    "UNATTACHED_REASONS",
    "assign_partners",
    "attach_points",
    "attach_synapses",
    "choose_segments",
    "link_points",
    "pair_sites",
]

_CONTACT_RULES = ("all-pairs", "top-pair")
DIRECTED_RULES = ("partners", "pre-post")
"""Rules for annotated points and for presynaptic and postsynaptic masks."""

RULES = (*_CONTACT_RULES, *DIRECTED_RULES)
"""Rules that make links."""

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
        If the rule is unknown or needs a direction, which contacts do not have, or the minimum is below 1.

    Examples
    --------
    >>> contacts = make_table("synapse_contacts", {"synapse_id": [5, 5], "segment_a": [1, 2], "segment_b": [2, 3],
    ...     "n_voxels": [4, 9], "z_nm": [0.0, 0.0], "y_nm": [0.0, 0.0], "x_nm": [0.0, 0.0]})
    >>> assign_partners(contacts, rule="top-pair")[["source", "target", "n_voxels"]].to_dict("list")
    {'source': [2], 'target': [3], 'n_voxels': [9]}
    """
    if rule in DIRECTED_RULES:
        raise InputError(
            f"partner rule {rule!r} is directed, and contacts of a cleft do not say which side is presynaptic: pass "
            "annotated points (partners) or presynaptic and postsynaptic masks (pre-post) to connectograph.evaluate, "
            f"or choose {' or '.join(_CONTACT_RULES)}."
        )
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


def link_points(points: pd.DataFrame, kept: npt.NDArray[np.uint64], *, min_contact_voxels: int = 1) -> pd.DataFrame:
    """Directed links of synapses whose presynaptic and postsynaptic segments are known.

    Parameters
    ----------
    points : pandas.DataFrame
        The table "synapse_points", 0 where there is no segment.
    kept : (N,) array of uint64
        Ids of the kept segments.
    min_contact_voxels : int
        A synapse needs at least so many voxels.

    Returns
    -------
    pandas.DataFrame
        The table "directed_links": the columns of "links" and `pre_site_id`. A synapse from a segment to itself is a
        link, too: an autapse, which is counted apart and in no score.

    Examples
    --------
    >>> from connectograph.io.points import read_points
    >>> table = pd.DataFrame({"pre_segment": [7, 7, 9], "post_segment": [8, 9, 0], "pre_site_id": [1, 1, 2]})
    >>> links = link_points(read_points(table).table, np.array([7, 8, 9], "uint64"))
    >>> links[["synapse_id", "source", "target", "pre_site_id"]].values.tolist()
    [[1, 7, 8, 1], [2, 7, 9, 1]]
    """
    validate_table("synapse_points", points)
    both = np.isin(points["pre_segment"], kept) & np.isin(points["post_segment"], kept)
    rows = points[both & (points["n_voxels"] >= min_contact_voxels)]
    same = ("synapse_id", "pre_site_id", "n_voxels", "score", "z_nm", "y_nm", "x_nm")
    return make_table(
        "directed_links",
        {
            "source": rows["pre_segment"].to_numpy(),
            "target": rows["post_segment"].to_numpy(),
            "directed": np.ones(len(rows), bool),
            **{name: rows[name].to_numpy() for name in same},
        },
    )


def attach_points(
    points: pd.DataFrame, links: pd.DataFrame, kept: npt.NDArray[np.uint64], *, voxel_volume: float
) -> pd.DataFrame:
    """The synapses of points: whether each has a link and, if not, why.

    Parameters
    ----------
    points, links : pandas.DataFrame
        The tables "synapse_points" and "directed_links".
    kept : (N,) array of uint64
        Ids of the kept segments.
    voxel_volume : float
        In nm³.

    Returns
    -------
    pandas.DataFrame
        The table "synapses". `unattached_reason` is the first of :data:`UNATTACHED_REASONS` that holds:
        "below_contact" (two kept segments, too few voxels), "partner_filtered" (two segments, one not kept),
        "no_segment", "one_segment" (number of kept segments at its two sites).

    Examples
    --------
    >>> from connectograph.io.points import read_points
    >>> points = read_points(pd.DataFrame({"pre_segment": [7, 7], "post_segment": [8, 0]})).table
    >>> kept = np.array([7, 8], "uint64")
    >>> attach_points(points, link_points(points, kept), kept, voxel_volume=1.0)["unattached_reason"].tolist()
    ['', 'one_segment']
    """
    pre, post = (points[end].to_numpy() for end in ("pre_segment", "post_segment"))
    pre_kept, post_kept = np.isin(pre, kept), np.isin(post, kept)
    attached = np.isin(points["synapse_id"], links["synapse_id"])
    conditions = [attached, pre_kept & post_kept, (pre > 0) & (post > 0), ~(pre_kept | post_kept)]
    reason = np.select(conditions, ["", *UNATTACHED_REASONS[:3]], default=UNATTACHED_REASONS[3])
    return make_table(
        "synapses",
        {
            **{name: points[name].to_numpy() for name in ("synapse_id", "n_voxels", "z_nm", "y_nm", "x_nm")},
            "volume_nm3": points["n_voxels"].to_numpy() * voxel_volume,
            "score_max": points["score"].to_numpy(),
            "score_mean": points["score"].to_numpy(),
            "attached": attached,
            "unattached_reason": reason,
        },
    )


def pair_sites(
    pre: Synapses,
    post: Synapses,
    offsets: npt.NDArray[np.int64],
    *,
    workers: int | None = None,
    engine: EngineLike = None,
) -> pd.DataFrame:
    """Synapses of presynaptic and postsynaptic masks: each pair of sites that touch within the dilation.

    Parameters
    ----------
    pre, post : Synapses
        The sites, on the same grid.
    offsets : (K, 3) array of int64
        The dilation; see :func:`~connectograph.contacts.dilation_offsets`.
    workers, engine
        As in :func:`connectograph.evaluate`.

    Returns
    -------
    pandas.DataFrame
        The table "synapse_points", numbered from 1 in the order of the sites' ids. `n_voxels` is the number of voxels
        of the presynaptic site within the dilation of the postsynaptic one, \\|p ∩ dilate(q)\\|, and their mean is
        the synapse's position; a site's own position is that of all its voxels. Segments are 0: see
        :func:`choose_segments`.

    Examples
    --------
    >>> from connectograph.contacts import dilation_offsets
    >>> from connectograph.synapses import label_synapses
    >>> pre, post = (label_synapses(Volume(np.array([[row]], "uint8"), voxel_size=(40, 4, 4)))
    ...              for row in ([4, 4, 0, 0, 0, 0], [0, 0, 7, 7, 0, 9]))
    >>> pairs = pair_sites(pre, post, dilation_offsets(1, None, (40, 4, 4)))
    >>> pairs[["pre_site_id", "post_site_id", "n_voxels"]].to_dict("list")
    {'pre_site_id': [4], 'post_site_id': [7], 'n_voxels': [1]}
    """
    labels = RunLabels(post.shape, post.starts, post.lengths, (post.codes + 1).astype(np.uint64))
    canvas = Volume(labels, post.voxel_size, post.offset, post.name)
    pairs = scan_segmentation(canvas, [pre], offsets, workers=workers, engine=engine).neighbours[0].touches
    sites = [measure_synapses(each) for each in (pre, post)]
    rows = [np.searchsorted(pre.ids, pairs["synapse_id"]), pairs["segment_id"].to_numpy().astype(np.int64) - 1]
    order = np.lexsort(rows[::-1])
    pairs, rows = pairs.iloc[order], [each[order] for each in rows]
    nothing = np.zeros(len(pairs), np.uint64)
    score = sites[0]["score_max"].to_numpy()[rows[0]]
    return make_table(
        "synapse_points",
        {
            "synapse_id": np.arange(1, len(pairs) + 1, dtype=np.uint64),
            "pre_site_id": pre.ids[rows[0]],
            "post_site_id": post.ids[rows[1]],
            "pre_segment": nothing,
            "post_segment": nothing,
            "score": score,
            **{name: pairs[name].to_numpy() for name in ("n_voxels", "z_nm", "y_nm", "x_nm")},
            **{
                f"{end}_{axis}_nm": sites[k][f"{axis}_nm"].to_numpy()[rows[k]]
                for k, end in enumerate(("pre", "post"))
                for axis in "zyx"
            },
        },
    )


def choose_segments(
    site_ids: npt.NDArray[np.uint64], touches: pd.DataFrame, kept: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """The segment of each site: the kept one with most voxels in it (ties: the smallest id).

    Parameters
    ----------
    site_ids : (N,) array of uint64
    touches : pandas.DataFrame
        `synapse_id, segment_id, n_voxels`: how many voxels of a site lie in a segment.
    kept : (N,) array of uint64
        Ids of the kept segments.

    Returns
    -------
    (N,) array of uint64
        Where no kept segment is in the site, the largest of the others, 0 if there is none.

    Examples
    --------
    >>> touches = pd.DataFrame({"synapse_id": [5, 5, 5], "segment_id": [1, 2, 3], "n_voxels": [9, 4, 4]})
    >>> choose_segments(np.array([5, 6], "uint64"), touches, np.array([2, 3], "uint64"))
    array([2, 0], dtype=uint64)
    """
    site, segment = (touches[name].to_numpy().astype(np.uint64) for name in ("synapse_id", "segment_id"))
    order = np.lexsort((segment, -touches["n_voxels"].to_numpy(), ~np.isin(segment, kept), site))
    found, first = np.unique(site[order], return_index=True)
    if len(found) == 0:
        return np.zeros(len(site_ids), np.uint64)
    place = np.minimum(np.searchsorted(found, site_ids), len(found) - 1)
    return np.where(found[place] == site_ids, segment[order][first][place], np.uint64(0))


def _scores_of(synapse_ids: npt.NDArray[np.uint64], synapses: pd.DataFrame | None) -> npt.NDArray[np.float64]:
    if synapses is None or len(synapses) == 0:
        return np.full(len(synapse_ids), np.nan)
    place = np.searchsorted(synapses["synapse_id"].to_numpy(), synapse_ids)
    scores: npt.NDArray[np.float64] = synapses["score_max"].to_numpy()[place]
    return scores
