"""Why each wrong connection is wrong.

Conventions: each wrong link has one cause, the first of a list of decisions that holds; a wrong edge has the cause of
most of its wrong links, "mixed" if several are equally frequent. So the causes of edges add up to fp + fn.

Functions: :func:`attribute_links`, :func:`attribute_edges`, :func:`count_causes`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.attribution.linking import NumberedLinks, number_links
from connectograph.errors import InputError
from connectograph.tables import make_table, validate_table

__all__ = ["CAUSES", "DETAILS", "OwnSegmentation", "attribute_edges", "attribute_links", "count_causes"]

_Counts: TypeAlias = npt.NDArray[np.int64]
_Words: TypeAlias = npt.NDArray[Any]

CAUSES = ("missed", "spurious", "wrong_partner", "polarity", "split", "merge", "mixed")
"""What can be wrong with a connection; "mixed" is said of edges only."""

DETAILS = ("alone", "beside", "unattached", "other_pair")
"""What is known besides: "alone": no synapse of the other side overlaps; "beside": one does, but is matched to another;
"unattached": the matched synapse joins no pair; "other_pair": it joins others."""


@dataclass(frozen=True, eq=False)
class OwnSegmentation:
    """What else is known of a prediction with a segmentation of its own, scored under the ids of the matched neurons.

    Attributes
    ----------
    links : pandas.DataFrame
        The table "links" of the predicted synapses in the true segmentation.
    segments : (N,) array of uint64
        Predicted segments, by the ids they are scored under.
    neurons : (N,) array of uint64
        The true segment that most of each lies in; 0 if none. A segment that is scored under another id does not stand
        for that neuron.
    ends : pandas.DataFrame, optional
        `synapse_id`, `segment_id`: all predicted segments that the ends of predicted synapses lie in, by the ids they
        are scored under; also of synapses without a link.
    omitted : pandas.DataFrame, optional
        `synapse_id`, `segment_id`: neurons that the prediction has no segment of at that synapse, nor in another's.

    Examples
    --------
    Neuron 5 is split: its piece is scored under the id 9, so a link of the piece is one that the neuron lost:

    >>> def links(synapse, source, target):
    ...     nowhere = {f"{axis}_nm": [0.0] for axis in "zyx"}
    ...     return make_table("links", {"synapse_id": synapse, "source": source, "target": target, **nowhere,
    ...                                 "directed": [False], "n_voxels": [1], "score": [np.nan]})
    >>> own = OwnSegmentation(links([7], [4], [5]), np.array([4, 5, 9], "uint64"), np.array([4, 5, 5], "uint64"))
    >>> matches = pd.DataFrame({"synapse_id_truth": [1], "synapse_id_predicted": [7]}, dtype="uint64")
    >>> attribute_links(links([1], [4], [5]), links([7], [4], [9]), matches, segmentation=own)["cause"].tolist()
    ['split', 'split']
    """

    links: pd.DataFrame
    segments: npt.NDArray[np.uint64]
    neurons: npt.NDArray[np.uint64]
    ends: pd.DataFrame | None = None
    omitted: pd.DataFrame | None = None


def attribute_links(
    truth: pd.DataFrame,
    predicted: pd.DataFrame,
    matches: pd.DataFrame,
    *,
    segmentation: OwnSegmentation | None = None,
) -> pd.DataFrame:
    """Say of every link whether it is right and, if not, why.

    Parameters
    ----------
    truth, predicted : pandas.DataFrame
        The tables "links" of both sides, under common segment ids.
    matches : pandas.DataFrame
        The table "synapse_matches", or its columns `synapse_id_truth, synapse_id_predicted`, 0 where there is none.
    segmentation : OwnSegmentation, optional
        If the prediction was linked in a segmentation of its own.

    Returns
    -------
    pandas.DataFrame
        The table "link_outcomes": one row for each link of the truth and each false link of the prediction; autapses
        are left out.

    Raises
    ------
    InputError
        If a link's synapse is not in `matches`, or some links are directed and others are not.

    Notes
    -----
    A link is right if the matched synapse of the other side joins the same pair. A lost one is *missed* if its synapse
    is not matched; else, if its match does not join the pair in the true segmentation, it has *polarity* (the pair is
    joined the other way round) or *wrong_partner*; else the segmentation is wrong: *split* where a piece of the neuron
    takes part or it has no segment there, *merge* where it is a part of another's segment. A false one is *spurious* if
    its synapse is not matched; else in the same way *polarity* or *wrong_partner*; else *merge* if it joins a segment
    of a neuron that has no part in the synapse, *split* if it joins a piece of one that has. O(L log L).

    Examples
    --------
    >>> def links(synapse, source, target):
    ...     n, nowhere = len(synapse), {f"{axis}_nm": [0.0] * len(synapse) for axis in "zyx"}
    ...     return make_table("links", {"synapse_id": synapse, "source": source, "target": target, **nowhere,
    ...                                 "directed": [False] * n, "n_voxels": [1] * n, "score": [np.nan] * n})
    >>> matches = pd.DataFrame({"synapse_id_truth": [1, 2, 0], "synapse_id_predicted": [7, 0, 8]}, dtype="uint64")
    >>> found = attribute_links(links([1, 2], [4, 4], [5, 6]), links([7, 8], [4, 5], [6, 6]), matches)
    >>> found[["source", "target", "outcome", "cause"]].values.tolist()
    [[5, 6, 'fp', 'spurious'], [4, 5, 'fn', 'wrong_partner'], [4, 6, 'fp', 'wrong_partner'], [4, 6, 'fn', 'missed']]
    """
    tables = {"truth": ("truth", truth), "predicted": ("predicted", predicted)}
    if segmentation is not None:
        tables["reassigned"] = ("predicted", segmentation.links)
    numbered = number_links(tables, matches)
    found = np.isin(numbered.keys_of("truth"), numbered.keys_of("predicted"))
    known = np.isin(numbered.keys_of("predicted"), numbered.keys_of("truth"))
    lost, invented = _Judgement(numbered, "truth", ~found), _Judgement(numbered, "predicted", ~known)
    segments = None if segmentation is None else _Segments(numbered, segmentation, matches)
    causes = [_decide(judged, segments) for judged in (lost, invented)]
    details = [_detail(judged, cause, matches) for judged, cause in zip((lost, invented), causes, strict=True)]
    right = np.full(int(found.sum()), "")
    rows = [numbered.sides["truth"].row[found], lost.row, invented.row]
    cases = np.concatenate([numbered.sides["truth"].case[found], lost.case, invented.case])
    outcome = np.repeat(["tp", "fn", "fp"], [len(part) for part in rows])
    own = pd.concat([truth.iloc[rows[0]], truth.iloc[rows[1]], predicted.iloc[rows[2]]])
    return make_table(
        "link_outcomes",
        {
            **{name: matches[name].to_numpy()[cases] for name in ("synapse_id_truth", "synapse_id_predicted")},
            **{name: own[name].to_numpy() for name in ("source", "target", "n_voxels", "z_nm", "y_nm", "x_nm")},
            "outcome": outcome,
            "cause": np.concatenate([right, *causes]),
            "detail": np.concatenate([right, *details]),
        },
    )


def attribute_edges(edge_outcomes: pd.DataFrame, link_outcomes: pd.DataFrame) -> pd.DataFrame:
    """Say of every wrong edge why it is wrong.

    Parameters
    ----------
    edge_outcomes : pandas.DataFrame
        The table of this name, of the same links.
    link_outcomes : pandas.DataFrame
        From :func:`attribute_links`.

    Returns
    -------
    pandas.DataFrame
        A copy of `edge_outcomes` with `cause`: that of most of the edge's lost links (fn) or false ones (fp), "mixed"
        if several are equally frequent, '' of a tp. The numbers of all causes add up to fp + fn.

    Raises
    ------
    InputError
        If a wrong edge has no wrong link: the tables are not of the same evaluation.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> attribute_edges(empty_table("edge_outcomes"), empty_table("link_outcomes"))["cause"].tolist()
    []
    """
    validate_table("edge_outcomes", edge_outcomes)
    validate_table("link_outcomes", link_outcomes)
    outcome = edge_outcomes["outcome"].to_numpy().astype("U2")
    wrong = np.flatnonzero(outcome != "tp")
    links = link_outcomes[link_outcomes["cause"] != ""]
    keys = _key_edges(edge_outcomes.iloc[wrong], links)
    cause = np.full(len(outcome), "", "U13")
    cause[wrong] = _vote(*keys, links["cause"].to_numpy().astype("U13"))
    return edge_outcomes.assign(cause=pd.Series(cause, index=edge_outcomes.index, dtype="str"))


def count_causes(link_outcomes: pd.DataFrame) -> list[dict[str, Any]]:
    """Wrong links by outcome, cause and detail.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> count_causes(empty_table("link_outcomes"))
    []
    """
    wrong = link_outcomes[link_outcomes["cause"] != ""]
    keys = zip(wrong["outcome"], wrong["cause"], wrong["detail"], strict=True)
    counts = sorted(Counter(keys).items())
    return [{"outcome": outcome, "cause": cause, "detail": detail, "n": n} for (outcome, cause, detail), n in counts]


@dataclass(frozen=True, eq=False)
class _Judgement:
    """The wrong links of one side, and where the other side is looked up."""

    links: NumberedLinks
    side: str
    wrong: npt.NDArray[np.bool_]

    @property
    def row(self) -> _Counts:
        return self.links.sides[self.side].row[self.wrong]

    @property
    def case(self) -> _Counts:
        return self.links.sides[self.side].case[self.wrong]

    @property
    def pair(self) -> _Counts:
        return self.links.sides[self.side].pair[self.wrong]

    @property
    def own_in_truth(self) -> str:
        """The prediction in the true segmentation, whatever segmentation it is scored in."""
        return "reassigned" if "reassigned" in self.links.sides else "predicted"

    @property
    def other(self) -> str:
        """The side whose synapse should join the same pair: for predicted links that of the truth."""
        return self.own_in_truth if self.side == "truth" else "truth"

    def lies_in(self, side: str, *, reverse: bool = False) -> npt.NDArray[np.bool_]:
        """Whether the matched synapse of another side joins the pair, or the pair the other way round."""
        return np.isin(self.links.keys_of(self.side, reverse=reverse)[self.wrong], self.links.keys_of(side))


class _Segments:
    """Ends of the predicted synapses, in the prediction's and in the true segmentation."""

    def __init__(self, links: NumberedLinks, known: OwnSegmentation, matches: pd.DataFrame) -> None:
        self.n = max(1, len(links.nodes))
        self.ends = {
            name: np.unique(
                np.concatenate([rows.case * self.n + end[rows.pair] for end in (links.source, links.target)])
            )
            for name, rows in links.sides.items()
        }
        self.ends["predicted"] = np.union1d(self.ends["predicted"], _key_ends(known.ends, links, matches))
        self.omitted = _key_ends(known.omitted, links, matches)
        order = np.argsort(known.segments)
        place = np.searchsorted(known.segments[order], links.nodes)
        there = place < len(order)
        there[there] = known.segments[order][place[there]] == links.nodes[there]
        neuron = np.zeros(len(links.nodes), np.uint64)
        neuron[there] = known.neurons[order][place[there]]
        place = np.searchsorted(links.nodes, neuron)
        place = np.minimum(place, self.n - 1)
        self.neuron = np.where(neuron == links.nodes[place], place, -1) if len(links.nodes) else place
        case, end = np.divmod(self.ends["predicted"], self.n)
        self.of_neuron = case * self.n + self.neuron[end]

    def judge_lost(self, case: _Counts, end: _Counts) -> _Words:
        """Why a neuron is not among the segments that a synapse joins; '' if it is."""
        here = np.isin(case * self.n + end, self.ends["predicted"])
        piece = np.isin(case * self.n + end, np.append(self.of_neuron, self.omitted))
        return np.select([here, piece], ["", "split"], "merge")

    def judge_invented(self, case: _Counts, end: _Counts) -> _Words:
        """Why a segment is among those that a synapse joins, which its neuron is not; '' if it is."""
        here = np.isin(case * self.n + end, self.ends["reassigned"])
        piece = np.isin(case * self.n + self.neuron[end], self.ends["reassigned"]) & (self.neuron[end] >= 0)
        return np.select([here, piece], ["", "split"], "merge")


def _key_ends(ends: pd.DataFrame | None, links: NumberedLinks, matches: pd.DataFrame) -> _Counts:
    """One number for case and segment of each end of a predicted synapse, as far as some link joins the segment."""
    if ends is None or not len(links.nodes):
        return np.empty(0, np.int64)
    cases = pd.DataFrame({"synapse_id": matches["synapse_id_predicted"].to_numpy(), "case": np.arange(len(matches))})
    rows = ends[ends["segment_id"].isin(links.nodes)].merge(cases, on="synapse_id")
    return rows["case"].to_numpy() * len(links.nodes) + np.searchsorted(links.nodes, rows["segment_id"].to_numpy())


def _decide(judged: _Judgement, segments: _Segments | None) -> _Words:
    """The first cause that holds, for each wrong link."""
    links = judged.links
    matched = (links.in_truth & links.in_predicted)[judged.case]
    same_pair = judged.lies_in(judged.own_in_truth)
    partner = np.where(judged.lies_in(judged.other, reverse=True), "polarity", "wrong_partner")
    if judged.side == "truth":
        return np.select([~matched, ~same_pair], ["missed", partner], _blame_ends(judged, segments))
    return np.select([~matched, same_pair], ["spurious", partner], _blame_ends(judged, segments))


def _blame_ends(judged: _Judgement, segments: _Segments | None) -> _Words:
    """Split or merge, from what is wrong with either end; merges first.

    Both neurons can take part in the synapse without being joined: other ends of it lie in their segments, and the
    end in question in another's.
    """
    if segments is None:
        return np.full(len(judged.pair), "wrong_partner", "U13")
    judge = segments.judge_lost if judged.side == "truth" else segments.judge_invented
    ends = [judge(judged.case, end[judged.pair]) for end in (judged.links.source, judged.links.target)]
    merged, parted = ((ends[0] == cause) | (ends[1] == cause) for cause in ("merge", "split"))
    return np.where(parted & ~merged, "split", "merge")


def _detail(judged: _Judgement, cause: _Words, matches: pd.DataFrame) -> _Words:
    """What is known besides: see :data:`DETAILS`; '' of other causes."""
    column = f"n_overlaps_{judged.side}"
    beside = matches[column].to_numpy()[judged.case] > 0 if column in matches else np.zeros(len(cause), bool)
    linked = np.isin(judged.case, judged.links.sides[judged.other].case)
    alone = np.isin(cause, ["missed", "spurious"])
    conditions = [alone & beside, alone, (cause == "wrong_partner") & ~linked, cause == "wrong_partner"]
    return np.select(conditions, ["beside", "alone", "unattached", "other_pair"], "")


def _key_edges(edges: pd.DataFrame, links: pd.DataFrame) -> tuple[_Counts, _Counts]:
    """Position among the edges of each link, -1 if none; and the edges' own."""
    nodes = np.unique(
        np.concatenate([table[end].to_numpy() for table in (edges, links) for end in ("source", "target")])
    )
    outcomes = np.array(["fn", "fp"])
    keys = []
    for table in (edges, links):
        source, target = (
            np.searchsorted(nodes, table[end].to_numpy()).astype(np.int64) for end in ("source", "target")
        )
        outcome = np.searchsorted(outcomes, table["outcome"].to_numpy().astype("U2"))
        keys.append((source * max(1, len(nodes)) + target) * 2 + outcome)
    return keys[0], keys[1]


def _vote(edges: _Counts, links: _Counts, causes: _Words) -> _Words:
    """The most frequent cause of each edge's links; "mixed" if there is no single one."""
    order = np.argsort(edges)
    mine = np.isin(links, edges)
    votes = np.zeros((len(edges), len(CAUSES)), np.int64)
    sorter = np.argsort(CAUSES)
    number = sorter[np.searchsorted(CAUSES, causes[mine], sorter=sorter)]
    np.add.at(votes, (order[np.searchsorted(edges[order], links[mine])], number), 1)
    if len(edges) and not votes.any(axis=1).all():
        raise InputError("A wrong edge has no wrong link: edge_outcomes and link_outcomes are not of the same links.")
    most = votes.max(axis=1, initial=0)
    single = (votes == most[:, None]).sum(axis=1) == 1
    return np.where(single, np.array(CAUSES)[votes.argmax(axis=1)], "mixed")
