"""What to fix first: single corrections of a prediction, ranked by what each gains in F1.

Conventions: a fix changes one thing (a synapse, the partners of a synapse, a segment); fixes are chosen one after
another, each with the largest gain that is left after those before it; F1 after every step is exact.

Functions: :func:`rank_fixes`, :func:`apply_fixes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._numbers import divide
from connectograph.attribution.greedy import Change, Connectome, Contacts, Fix, Step, choose_fixes
from connectograph.attribution.linking import NumberedLinks, number_links
from connectograph.attribution.segment_fixes import MERGE, SPLIT, SegmentPieces, Segments
from connectograph.errors import InputError
from connectograph.tables import SCHEMAS, make_table

__all__ = ["FIX_KINDS", "apply_fixes", "rank_fixes"]

_Counts: TypeAlias = npt.NDArray[np.int64]

FIX_KINDS = ("add_synapse", "delete_synapse", "swap_partners", "merge", "split")
"""Add a missed synapse with its links; delete an invented one; give a matched one the links of its true match; merge a
segment into that of the neuron which most of it lies in; cut off the part of a segment that lies in another neuron, and
join it to that neuron's segment."""

_SYNAPSE = 2
"""Kind of the fixes of synapses, by their first number."""


def rank_fixes(
    truth: pd.DataFrame,
    predicted: pd.DataFrame,
    matches: pd.DataFrame,
    *,
    pieces: SegmentPieces | None = None,
    most: int | None = None,
) -> pd.DataFrame:
    """Rank the single fixes of a prediction, each by its exact gain in edge F1 after those before it.

    Parameters
    ----------
    truth, predicted : pandas.DataFrame
        The tables "links" of both sides, under common segment ids.
    matches : pandas.DataFrame
        The table "synapse_matches".
    pieces : SegmentPieces, optional
        Of a prediction with a segmentation of its own: then merges and splits are ranked, too, and added synapses and
        swapped partners get the links that they have in the segmentation as it is by then. For links by the rule
        "all-pairs" with contacts of one voxel or more.
    most : int, optional
        Fixes to list; all that it takes until no edge is wrong, or none helps, if not given.

    Returns
    -------
    pandas.DataFrame
        The table "fixes", in the order of fixing: `kind` (:data:`FIX_KINDS`); the synapses, or the predicted segment
        that is changed, the true one that it is cut along or merged for, and the predicted one that it is merged into
        or its part joined to (where there is none yet: an id that is not used); the pair that gains most by it;
        `n_links`, the pairs that get or lose a link; `gain` in F1; tp, fp, fn and F1 after it; and where. Without
        `pieces`, applying all of it gives an F1 of 1.

    Raises
    ------
    InputError
        If a link's synapse is not in `matches`.

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

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> len(rank_fixes(empty_table("links"), empty_table("links"), empty_table("synapse_matches")))
    0
    """
    links = number_links({"truth": ("truth", truth), "predicted": ("predicted", predicted)}, matches)
    if pieces is None:
        nodes, segments, contacts = links.nodes, None, _collect_links(links)
        names = np.arange(len(nodes))
    else:
        nodes = np.unique(np.concatenate([links.nodes, pieces.kept, pieces.table["segment_id"]]))
        segments, contacts = Segments(pieces, nodes), _collect_pieces(pieces, matches)
        names = np.array(segments.names, np.int64)
    connectome = Connectome(contacts, names, _list_true(links, nodes), directed=links.directed)
    start = (connectome.tp, connectome.fp, connectome.fn)
    steps = list(choose_fixes(connectome, _FixList(connectome, contacts, segments, matches), most))
    if segments is None and (most is None or len(steps) < most) and connectome.fp + connectome.fn:
        raise InputError("Wrong edges are left though every fix is applied: the links are not of these matches.")
    return _tabulate(steps, start, nodes, contacts, matches, pieces)


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


def _list_true(links: NumberedLinks, nodes: npt.NDArray[np.uint64]) -> Iterable[tuple[int, int]]:
    """True edges, as places of their ends among the nodes."""
    pair = np.unique(links.sides["truth"].pair)
    place = np.searchsorted(nodes, links.nodes)
    ends = (place[end[pair]].tolist() for end in (links.source, links.target))
    return zip(*ends, strict=True)


def _collect_links(links: NumberedLinks) -> Contacts:
    """Links as contacts of whole segments, those that both sides have once."""
    keys = {side: np.unique(links.keys_of(side)) for side in ("truth", "predicted")}
    lost = np.setdiff1d(keys["truth"], keys["predicted"], assume_unique=True)
    case, pair = np.divmod(np.concatenate([keys["predicted"], lost]), max(1, len(links.source)))
    there = np.repeat([True, False], [len(keys["predicted"]), len(lost)])
    wrong = np.append(~np.isin(keys["predicted"], keys["truth"]), np.ones(len(lost), bool))
    return Contacts(case, links.source[pair], links.target[pair], there, wrong)


def _collect_pieces(pieces: SegmentPieces, matches: pd.DataFrame) -> Contacts:
    """Contacts of pieces, those that both synapses of a match have once."""
    ids = pieces.table["piece_id"].to_numpy()
    n = max(1, len(ids))
    keys = {}
    for side, table in pieces.contacts.items():
        case = _find_rows(table["synapse_id"].to_numpy(), matches[f"synapse_id_{side}"].to_numpy())
        ends = (np.searchsorted(ids, table[end].to_numpy()).astype(np.int64) for end in ("segment_a", "segment_b"))
        keys[side] = np.unique((case * n + next(ends)) * n + next(ends))
    lost = np.setdiff1d(keys["truth"], keys["predicted"], assume_unique=True)
    case, both = np.divmod(np.concatenate([keys["predicted"], lost]), n * n)
    there = np.repeat([True, False], [len(keys["predicted"]), len(lost)])
    wrong = np.append(~np.isin(keys["predicted"], keys["truth"]), np.ones(len(lost), bool))
    return Contacts(case, *np.divmod(both, n), there, wrong)


def _find_rows(wanted: npt.NDArray[np.uint64], ids: npt.NDArray[np.uint64]) -> _Counts:
    """Row of each id."""
    order = np.argsort(ids, kind="stable")
    return order[np.searchsorted(ids[order], wanted)].astype(np.int64)


class _FixList:
    """Synapses to add, delete or exchange; segments to merge or split."""

    def __init__(
        self, connectome: Connectome, contacts: Contacts, segments: Segments | None, matches: pd.DataFrame
    ) -> None:
        self._connectome, self._segments = connectome, segments
        self._of_case = _group(contacts.case, among=contacts.wrong)
        self._of_piece = _group(contacts.first, contacts.second) if segments else {}
        rank = _rank_cases(matches, np.array(sorted(self._of_case), np.int64))
        self._rank = {case: k for k, case in enumerate(rank)}

    def list_all(self) -> list[Fix]:
        synapses: list[Fix] = [(_SYNAPSE, case, 0) for case in self._of_case]
        return [*synapses, *(self._segments.list_all() if self._segments else [])]

    def changes_of(self, fix: Fix) -> list[Change]:
        now = self._connectome
        if fix[0] == _SYNAPSE:
            pairs = {k: now.find_pair(k) for k in self._of_case.get(fix[1], [])}
            return [Change(k, pair, pair, now.there[k], not now.there[k]) for k, pair in pairs.items()]
        if self._segments is None:
            return []
        parts, name = self._segments.find_parts(fix), fix[2]
        moved = sorted({contact for part in parts for contact in self._of_piece.get(part, ())})
        return [Change(k, now.find_pair(k), now.find_pair(k, parts, name), now.there[k], now.there[k]) for k in moved]

    def rank(self, fix: Fix) -> tuple[int, int]:
        if fix[0] == _SYNAPSE or self._segments is None:
            return 1, self._rank[fix[1]]
        return 0, -self._segments.count_voxels(fix)

    def is_enough(self, gain: float, *, nearer: bool) -> bool:
        """Mended synapses alone make all edges right in the end; with segments there may be some that stay wrong."""
        return self._segments is not None and (gain < 0 or (gain == 0 and not nearer))

    def apply(self, fix: Fix) -> list[Fix]:
        if fix[0] == _SYNAPSE or self._segments is None:
            del self._of_case[fix[1]]
            return [fix]
        others = self._segments.apply(fix)
        self._connectome.names = self._segments.names
        return others


def _group(*keys: _Counts, among: npt.NDArray[np.bool_] | None = None) -> dict[int, list[int]]:
    """Positions of each value, ascending."""
    groups: dict[int, list[int]] = {}
    positions = np.arange(len(keys[0])) if among is None else np.flatnonzero(among)
    for position, *values in zip(positions.tolist(), *(key[positions].tolist() for key in keys), strict=True):
        for value in set(values):
            groups.setdefault(value, []).append(position)
    return groups


def _rank_cases(matches: pd.DataFrame, cases: _Counts) -> list[int]:
    """Most voxels first, then by place: ids have no say."""
    rows = matches.iloc[cases]
    n_voxels = np.maximum(rows["n_voxels_truth"].to_numpy(), rows["n_voxels_predicted"].to_numpy())
    keys = [rows[axis].to_numpy() for axis in ("x_nm", "y_nm", "z_nm")]
    ranked: list[int] = cases[np.lexsort([*keys, -n_voxels])].tolist()
    return ranked


def _tabulate(
    steps: list[Step],
    start: tuple[int, int, int],
    nodes: npt.NDArray[np.uint64],
    contacts: Contacts,
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
            "source": nodes[pairs[:, 0]],
            "target": nodes[pairs[:, 1]],
            "n_links": np.array([step.n_changed for step in steps], np.int64),
            "gain": np.diff(f1),
            **dict(zip(("tp", "fp", "fn"), counts[1:].T, strict=True)),
            "f1": f1[1:],
            **_locate(steps, contacts, matches),
        },
    )


def _name_what(steps: list[Step], matches: pd.DataFrame) -> dict[str, Any]:
    """Kind of each fix, and the synapses that it changes."""
    case = np.array([step.fix[1] if step.fix[0] == _SYNAPSE else -1 for step in steps], np.int64)
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
            if kind != _SYNAPSE:
                true = nodes[neuron].item()
                if true not in stored:
                    stored[true] = next(free)
                ids[:, k] = true, stored[nodes[name].item()], stored[true]
    return dict(zip(("true_segment", "predicted_segment", "into_segment"), ids, strict=True))


def _locate(steps: list[Step], contacts: Contacts, matches: pd.DataFrame) -> dict[str, npt.NDArray[Any]]:
    """Where the synapse is that a fix changes, or which of those on the changed part gains most."""
    rows = matches.iloc[contacts.case[[step.contact for step in steps]]] if steps else matches.iloc[:0]
    return {axis: rows[axis].to_numpy() for axis in ("z_nm", "y_nm", "x_nm")}
