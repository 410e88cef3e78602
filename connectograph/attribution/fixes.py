"""What to fix first: single corrections of a prediction, ranked by what each gains in F1 or NRI.

Conventions: a fix changes one thing (a synapse, the partners of a synapse, a segment); fixes are chosen one after
another, each with the largest gain that is left after those before it; the score after every step is exact.

Functions: :func:`rank_fixes`, :func:`apply_fixes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._numbers import divide
from connectograph.attribution.fix_lists import SYNAPSE, SegmentFixes, Surroundings, SynapseFixes, collect_surroundings
from connectograph.attribution.greedy import EdgeTally, FixList, Pair, Step, Tally, choose_fixes
from connectograph.attribution.linking import NumberedLinks, number_links
from connectograph.attribution.segment_fixes import MERGE, SPLIT, SegmentPieces, Segments
from connectograph.attribution.terminal_fixes import TerminalFixes, TerminalTally
from connectograph.errors import InputError
from connectograph.tables import SCHEMAS, make_table

__all__ = ["FIX_KINDS", "apply_fixes", "rank_fixes"]

_Counts: TypeAlias = npt.NDArray[np.int64]

FIX_KINDS = ("add_synapse", "delete_synapse", "swap_partners", "merge", "split")
"""Add a missed synapse with its links; delete an invented one; give a matched one the links of its true match; merge a
segment into that of the neuron which most of it lies in; cut off the part of a segment that lies in another neuron, and
join it to that neuron's segment."""


def rank_fixes(
    truth: pd.DataFrame,
    predicted: pd.DataFrame,
    matches: pd.DataFrame,
    *,
    pieces: SegmentPieces | None = None,
    by: Literal["f1", "nri"] = "f1",
    most: int | None = None,
) -> pd.DataFrame:
    """Rank the single fixes of a prediction, each by its exact gain after those before it: in edge F1, or in NRI.

    Parameters
    ----------
    truth, predicted : pandas.DataFrame
        The tables "links" of both sides, under common segment ids.
    matches : pandas.DataFrame
        The table "synapse_matches".
    pieces : SegmentPieces, optional
        Of a prediction with a segmentation of its own: then merges and splits are ranked, too, and added synapses and
        swapped partners get the links that they have in the segmentation as it is by then.
    by : {"f1", "nri"}
        The gain: in the F1 of edges, or in neural reconstruction integrity, the F1 of pairs of terminals
        (:func:`connectograph.matching.score_terminals`). That takes `pieces`.
    most : int, optional
        Fixes to list; all that it takes until nothing is wrong, or none helps, if not given.

    Returns
    -------
    pandas.DataFrame
        The table "fixes", in the order of fixing: `kind` (:data:`FIX_KINDS`); the synapses, or the predicted segment
        that is changed, the true one that it is cut along or merged for, and the predicted one that it is merged into
        or its part joined to (where there is none yet: an id that is not used); the pair that gains most by it;
        `n_links`, the pairs that get or lose a link; `gain` in F1; tp, fp, fn and F1 after it; and where. Without
        `pieces`, applying all of it gives an F1 of 1. By NRI, `source` and `target` are the true neuron (0: none) and
        the segment that gain most pairs of terminals, `n_links` is the pairs of neuron and segment that get or lose a
        terminal, tp, fp and fn are pairs of terminals, and `f1` is NRI.

    Raises
    ------
    InputError
        If a link's synapse is not in `matches`; by NRI, without `pieces` or with a sparse truth.

    Notes
    -----
    Greedy: every step takes the fix of largest gain; among equal ones that which brings an edge that needs several
    fixes nearest to its last one, then that of most voxels. The gain of a fix depends on how many edges it finds and
    how many it adds or removes; so fixes of equal numbers are kept together, and only those are counted again that
    share a pair with the last fix. O(L log L) for L links.

    A merge or a split leaves segments matched to the same neurons, whatever is fixed, so that edges keep their names.
    With w(a, b) the voxels that a and b share, and duals u(a) + v(b) >= w(a, b) of the one-to-one matching, tight for
    matched pairs and 0 for segments without a match: a segment merged into that of its main neuron a raises w(a, .) by
    most and so u(a) and v(.) by enough; a part of a cut off one segment and joined to its neuron's raises one weight of
    a matched pair and lowers another; a part in a neuron without a match can be matched to it. The duals stay feasible
    and tight, hence the matching optimal; where several matchings share equally many voxels, it is one of them. Fixes
    after which a segment would be left out, being too small or mostly in an excluded one, are not listed.

    By NRI a fix gains the pairs of terminals that it brings onto one segment or parts, quadratic in those of a neuron,
    so that long neurons come first where F1 counts every edge alike. Against a sparse truth it has no meaning: which
    terminals are one neuron's, and which are invented, is not known for what is not proofread, so that a merge with an
    unknown neuron would gain as much as one with its own.

    Contacts of merged and cut segments are counted voxel by voxel, so links follow any partner rule and any minimum;
    against a sparse truth only pairs of known segments count, and no fix changes which these are. The counts are those
    of volumes mended by :func:`mend_segments` and evaluated again, where a synapse covers no voxel of another; segments
    that were split into their components first must not be split again.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> len(rank_fixes(empty_table("links"), empty_table("links"), empty_table("synapse_matches")))
    0
    """
    links = number_links({"truth": ("truth", truth), "predicted": ("predicted", predicted)}, matches)
    nodes = links.nodes
    tally: Tally
    fixes: FixList
    if by == "nri":
        pieces = _require_pieces(pieces)
        nodes = _list_nodes(links, pieces)
        tally, fixes = _list_terminal_fixes(truth, matches, pieces, nodes)
    elif pieces is None:
        tally, fixes = _list_synapse_fixes(links, matches)
    else:
        nodes = _list_nodes(links, pieces)
        tally, fixes = _list_segment_fixes(links, matches, pieces, nodes)
    start = (tally.tp, tally.fp, tally.fn)
    steps = list(choose_fixes(tally, fixes, most))
    if pieces is None and (most is None or len(steps) < most) and tally.fp + tally.fn:
        raise InputError("Wrong edges are left though every fix is applied: the links are not of these matches.")
    return _tabulate(steps, start, nodes, matches, pieces)


def apply_fixes(
    truth: pd.DataFrame, predicted: pd.DataFrame, matches: pd.DataFrame, fixes: pd.DataFrame
) -> pd.DataFrame:
    """The prediction's links after some fixes.

    Parameters
    ----------
    truth, predicted, matches : pandas.DataFrame
        What the fixes were ranked from.
    fixes : pandas.DataFrame
        Rows of the table "fixes".

    Returns
    -------
    pandas.DataFrame
        The table "links". A link copied from the truth has the id of the matched predicted synapse; of an added one,
        an id that the prediction does not use yet.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> nothing = empty_table("links"), empty_table("links"), empty_table("synapse_matches"), empty_table("fixes")
    >>> len(apply_fixes(*nothing))
    0
    """
    names = _name_added(matches, fixes, predicted)
    copied = truth[truth["synapse_id"].isin(names)]
    copied = copied.assign(synapse_id=np.array([names[i] for i in copied["synapse_id"].tolist()], np.uint64))
    gone = fixes["synapse_id_predicted"].to_numpy()
    kept = predicted[~predicted["synapse_id"].isin(gone[gone > 0])]
    both = pd.concat([kept, copied])
    return make_table("links", {name: both[name] for name in SCHEMAS["links"]})


def _name_added(matches: pd.DataFrame, fixes: pd.DataFrame, predicted: pd.DataFrame) -> dict[int, int]:
    """Ids in the prediction of the true synapses whose links are copied."""
    used = [table["synapse_id_predicted"].max() for table in (matches, fixes) if len(table)]
    free = max([*map(int, used), int(predicted["synapse_id"].max()) if len(predicted) else 0]) + 1
    names: dict[int, int] = {}
    for own, other in zip(fixes["synapse_id_truth"].tolist(), fixes["synapse_id_predicted"].tolist(), strict=True):
        if own:
            names[own] = other or free
            free += not other
    return names


def _list_synapse_fixes(links: NumberedLinks, matches: pd.DataFrame) -> tuple[EdgeTally, SynapseFixes]:
    """Edges as they are, and what may change them."""
    keys = {side: np.unique(links.keys_of(side)) for side in ("truth", "predicted")}
    n_pairs = max(1, len(links.source))
    changed: dict[str, dict[int, set[Pair]]] = {}
    for side, other in (tuple(keys), tuple(keys)[::-1]):  # only what fixes change
        case, pair = np.divmod(np.setdiff1d(keys[side], keys[other], assume_unique=True), n_pairs)
        found = changed[side] = {}
        for row, ends in zip(case.tolist(), _list_pairs(links, pair, links.nodes), strict=True):
            found.setdefault(row, set()).add(ends)
    ranks = _rank_cases(matches, {case for found in changed.values() for case in found})
    pairs = _list_pairs(links, keys["predicted"] % n_pairs, links.nodes)
    true_pairs = _list_pairs(links, np.unique(links.sides["truth"].pair), links.nodes)
    return EdgeTally(pairs, true_pairs), SynapseFixes(changed["predicted"], changed["truth"], ranks)


def _list_nodes(links: NumberedLinks, pieces: SegmentPieces) -> npt.NDArray[np.uint64]:
    return np.unique(np.concatenate([links.nodes, pieces.kept, pieces.table["segment_id"]]))


def _require_pieces(pieces: SegmentPieces | None) -> SegmentPieces:
    """What a ranking by NRI takes."""
    if pieces is None:
        raise InputError(
            "NRI compares two segmentations, and pieces of segments are not given: rank_fixes(..., pieces=...), or "
            "evaluate with predicted_segmentation."
        )
    if pieces.known is not None:
        raise InputError(
            "NRI is not known against a sparse truth: terminals of neurons that are not proofread count as nobody's. "
            'Rank by="f1", or give pieces of a truth that is proofread throughout.'
        )
    return pieces


def _list_terminal_fixes(
    truth: pd.DataFrame, matches: pd.DataFrame, pieces: SegmentPieces, nodes: npt.NDArray[np.uint64]
) -> tuple[TerminalTally, TerminalFixes]:
    """The same by terminals."""
    case_of = {number: case for case, number in enumerate(matches["synapse_id_truth"].tolist())}
    ends: dict[int, set[int]] = {}
    for name in ("source", "target"):
        places = np.searchsorted(nodes, truth[name].to_numpy()).tolist()
        for number, place in zip(truth["synapse_id"].tolist(), places, strict=True):
            ends.setdefault(case_of[number], set()).add(place)
    near = collect_surroundings(pieces, matches)
    fixes = TerminalFixes(Segments(pieces, nodes), near, _rank_wrong(near, matches), pieces, nodes, ends)
    return TerminalTally((pair for held in fixes.held.values() for pair in held), ends), fixes


def _list_segment_fixes(
    links: NumberedLinks, matches: pd.DataFrame, pieces: SegmentPieces, nodes: npt.NDArray[np.uint64]
) -> tuple[EdgeTally, SegmentFixes]:
    """The same with a segmentation that may be mended as well."""
    near = collect_surroundings(pieces, matches)
    fixes = SegmentFixes(Segments(pieces, nodes), near, _rank_wrong(near, matches), pieces, nodes)
    true_pairs = _list_pairs(links, np.unique(links.sides["truth"].pair), nodes)
    return EdgeTally((pair for found in fixes.held.values() for pair in found), true_pairs), fixes


def _list_pairs(links: NumberedLinks, pair: _Counts, nodes: npt.NDArray[np.uint64]) -> Iterable[Pair]:
    """Pairs as places of their ends among the nodes."""
    place = np.searchsorted(nodes, links.nodes)
    ends = (place[end[pair]].tolist() for end in (links.source, links.target))
    return zip(*ends, strict=True)


def _rank_wrong(near: dict[str, dict[int, Surroundings]], matches: pd.DataFrame) -> dict[int, int]:
    """Synapses that lie near other pieces than their matches, or have none."""
    cases = near["truth"].keys() | near["predicted"].keys()
    return _rank_cases(matches, {case for case in cases if near["truth"].get(case) != near["predicted"].get(case)})


def _rank_cases(matches: pd.DataFrame, wrong: set[int]) -> dict[int, int]:
    """Places in the order of fixing: most voxels first, then by place; ids have no say."""
    cases = np.array(sorted(wrong), np.int64)
    rows = matches.iloc[cases]
    n_voxels = np.maximum(rows["n_voxels_truth"].to_numpy(), rows["n_voxels_predicted"].to_numpy())
    keys = [rows[axis].to_numpy() for axis in ("x_nm", "y_nm", "z_nm")]
    return {case: k for k, case in enumerate(cases[np.lexsort([*keys, -n_voxels])].tolist())}


def _tabulate(
    steps: list[Step],
    start: tuple[int, int, int],
    nodes: npt.NDArray[np.uint64],
    matches: pd.DataFrame,
    pieces: SegmentPieces | None,
) -> pd.DataFrame:
    """The table "fixes"."""
    counts = np.array([start, *((step.tp, step.fp, step.fn) for step in steps)], np.int64)
    f1 = np.array([divide(2 * tp, 2 * tp + fp + fn) for tp, fp, fn in counts.tolist()])
    pairs = np.array([step.pair for step in steps], np.int64).reshape(-1, 2)
    return make_table(
        "fixes",
        {
            "step": np.arange(1, len(steps) + 1),
            **_name_what(steps, matches),
            **_name_segments(steps, nodes, pieces),
            "source": np.append(nodes, np.uint64(0))[pairs[:, 0]],  # a terminal may be no neuron's: -1
            "target": nodes[pairs[:, 1]],
            "n_links": np.array([step.n_changed for step in steps], np.int64),
            "gain": np.diff(f1),
            **dict(zip(("tp", "fp", "fn"), counts[1:].T, strict=True)),
            "f1": f1[1:],
            **_locate(steps, matches),
        },
    )


def _name_what(steps: list[Step], matches: pd.DataFrame) -> dict[str, Any]:
    """Kind of each fix, and the synapses that it changes."""
    case = np.array([step.fix[1] if step.fix[0] == SYNAPSE else -1 for step in steps], np.int64)
    sides = ("synapse_id_truth", "synapse_id_predicted")
    ids = [np.append(matches[name].to_numpy(), np.uint64(0))[case] for name in sides]
    segment = np.array([step.fix[0] for step in steps], np.int64)
    kind = np.select(
        [segment == MERGE, segment == SPLIT, ids[1] == 0, ids[0] == 0], [*FIX_KINDS[3:], *FIX_KINDS[:2]], FIX_KINDS[2]
    )
    return {"kind": kind, **dict(zip(sides, ids, strict=True))}


def _name_segments(
    steps: list[Step], nodes: npt.NDArray[np.uint64], pieces: SegmentPieces | None
) -> dict[str, npt.NDArray[np.uint64]]:
    """Segments that each fix changes; one that a part makes by itself gets the smallest id that is not used."""
    ids = np.zeros((3, len(steps)), np.uint64)
    if pieces is not None:
        free = iter(
            np.setdiff1d(np.arange(1, len(steps) + len(pieces.used) + 1, dtype=np.uint64), pieces.used).tolist()
        )
        named = pieces.table.drop_duplicates("segment_id")
        stored = dict(zip(named["segment_id"].tolist(), named["predicted_segment"].tolist(), strict=True))
        for k, (kind, name, neuron) in enumerate(step.fix for step in steps):
            if kind != SYNAPSE:
                true = nodes[neuron].item()
                if true not in stored:
                    stored[true] = next(free)
                ids[:, k] = true, stored[nodes[name].item()], stored[true]
    return dict(zip(("true_segment", "predicted_segment", "into_segment"), ids, strict=True))


def _locate(steps: list[Step], matches: pd.DataFrame) -> dict[str, npt.NDArray[Any]]:
    """Where the synapse is that a fix changes, or which of those on the changed part gains most."""
    rows = matches.iloc[[step.case for step in steps]]
    return {axis: rows[axis].to_numpy() for axis in ("z_nm", "y_nm", "x_nm")}
