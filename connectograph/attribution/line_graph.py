"""F1 of line graphs: pairs of synapses that share a neuron, counted without ever listing a pair.

Functions: :func:`compare_line_graphs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._notebook import Shown
from connectograph._numbers import CountScore, explain_missing
from connectograph.attribution.linking import LinkRows, NumberedLinks, number_links

__all__ = ["LineGraphScore", "compare_line_graphs"]

_Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LineGraphScore(CountScore, Shown):
    """Precision, recall and F1 over pairs of links.

    Attributes
    ----------
    tp, fp, fn : int
        Pairs of links that share a neuron in both connectomes, only in the prediction, only in the truth.
    n_links_truth, n_links_predicted, n_links_matched : int
        Nodes of the line graphs, and how many of them are in both.

    Examples
    --------
    >>> LineGraphScore(3, 1, 2, 5, 4, 4).recall
    0.6
    """

    n_links_truth: int
    n_links_predicted: int
    n_links_matched: int

    def to_dict(self) -> dict[str, Any]:
        """Counts and scores; an undefined score is None with its reason beside it."""
        reasons = {
            "precision": "no two links of the prediction share a neuron",
            "recall": "no two links of the truth share a neuron",
            "f1": "no two links share a neuron",
        }
        scores = {name: getattr(self, name) for name in reasons}
        return {**vars(self), **explain_missing(scores, reasons)}


def compare_line_graphs(truth: pd.DataFrame, predicted: pd.DataFrame, matches: pd.DataFrame) -> LineGraphScore:
    """F1 of the line graphs of two connectomes: which links share a neuron.

    Parameters
    ----------
    truth, predicted : pandas.DataFrame
        The tables "links" of both sides. Segment ids are never compared between the sides.
    matches : pandas.DataFrame
        The table "synapse_matches": which links are the same.

    Returns
    -------
    LineGraphScore

    Raises
    ------
    InputError
        If a link's synapse is not in `matches`.

    Notes
    -----
    The nodes of a line graph are the links (a synapse with several pairs is several), and two are joined if they share
    a neuron, whatever the direction [1]_. A true and a predicted link are one node if their synapses match and they
    join the same pair; what is left of two matched synapses is matched in the order of falling voxels, then of place.

    Two links share 0, 1 or 2 neurons; with s the number shared and q whether the pair is the same, they are joined if
    s - q = 1. So the joined pairs of one graph are sum_n C(d_n, 2) - sum_p C(m_p, 2) over neurons n and pairs p, and
    those joined in both are the sums of C(c, 2) over the four contingency tables of neurons and pairs of the matched
    links: neurons x neurons - neurons x pairs - pairs x neurons + pairs x pairs. O(L log L).

    References
    ----------
    .. [1] W. R. Gray Roncal et al., Frontiers in Neuroinformatics 9, 20, 2015.

    Examples
    --------
    >>> from connectograph.tables import make_table
    >>> def links(source, target):
    ...     n, nowhere = len(source), {f"{axis}_nm": [0.0] * len(source) for axis in "zyx"}
    ...     return make_table("links", {"synapse_id": np.arange(1, n + 1), "source": source, "target": target,
    ...         **nowhere, "directed": [False] * n, "n_voxels": [1] * n, "score": [np.nan] * n})
    >>> matches = pd.DataFrame({"synapse_id_truth": [1, 2, 3], "synapse_id_predicted": [1, 2, 3]}, dtype="uint64")
    >>> score = compare_line_graphs(links([1, 2, 3], [2, 3, 4]), links([1, 2, 3], [2, 3, 2]), matches)
    >>> score.tp, score.fp, score.fn
    (2, 1, 0)
    """
    links = number_links({"truth": ("truth", truth), "predicted": ("predicted", predicted)}, matches)
    rows = [_rank_links(links, side, table) for side, table in (("truth", truth), ("predicted", predicted))]
    own, other = _match_links(links, *rows)
    tp = _count_joined_in_both(links, own, other)
    n_truth, n_predicted = (_count_joined(links, each.pair) for each in rows)
    return LineGraphScore(tp, n_predicted - tp, n_truth - tp, len(rows[0].row), len(rows[1].row), len(own))


def _rank_links(links: NumberedLinks, side: str, table: pd.DataFrame) -> LinkRows:
    """Links of a side, those of a synapse by falling voxels, then by place."""
    rows = links.sides[side]
    own = table.iloc[rows.row]
    keys = [own[axis].to_numpy() for axis in ("x_nm", "y_nm", "z_nm")]
    order = np.lexsort([*keys, -own["n_voxels"].to_numpy(), rows.case])
    return LinkRows(rows.row[order], rows.case[order], rows.pair[order])


def _match_links(links: NumberedLinks, truth: LinkRows, predicted: LinkRows) -> tuple[_Counts, _Counts]:
    """Pairs in the truth and in the prediction of each link that is in both."""
    n_pairs = max(1, len(links.source))
    keys = [rows.case * n_pairs + rows.pair for rows in (truth, predicted)]
    same = _match_in_order(*keys)
    rest = [np.setdiff1d(np.arange(len(key)), used) for key, used in zip(keys, same, strict=True)]
    left = _match_in_order(truth.case[rest[0]], predicted.case[rest[1]])
    own = np.concatenate([same[0], rest[0][left[0]]])
    other = np.concatenate([same[1], rest[1][left[1]]])
    return truth.pair[own], predicted.pair[other]


def _match_in_order(left: _Counts, right: _Counts) -> tuple[_Counts, _Counts]:
    """Positions of equal values, the first with the first, the second with the second."""
    keys = [_number_repeats(values) for values in (left, right)]
    _, own, other = np.intersect1d(*_join(*keys), assume_unique=True, return_indices=True)
    return own, other


def _number_repeats(values: _Counts) -> tuple[_Counts, _Counts]:
    """The values, and how often each occurred before."""
    order = np.argsort(values, kind="stable")
    inside = values[order]
    first = np.r_[True, inside[1:] != inside[:-1]] if len(values) else np.zeros(0, bool)
    begin = np.flatnonzero(first)
    repeat = np.empty(len(values), np.int64)
    repeat[order] = np.arange(len(values)) - begin[np.cumsum(first) - 1]
    return values, repeat


def _join(left: tuple[_Counts, _Counts], right: tuple[_Counts, _Counts]) -> tuple[_Counts, _Counts]:
    """Value and repeat as one number, on both sides alike."""
    values = np.unique(np.concatenate([left[0], right[0]]))
    n_repeats = max((int(repeat.max()) + 1 for _, repeat in (left, right) if len(repeat)), default=1)
    joined = [np.searchsorted(values, own) * n_repeats + repeat for own, repeat in (left, right)]
    return joined[0], joined[1]


def _count_joined(links: NumberedLinks, pair: _Counts) -> int:
    """Pairs of links of one side that share a neuron."""
    ends = np.concatenate([links.source[pair], links.target[pair]])
    return _count_couples(ends) - _count_couples(_ignore_direction(links, pair))


def _count_joined_in_both(links: NumberedLinks, truth: _Counts, predicted: _Counts) -> int:
    """Pairs of matched links that share a neuron on either side."""
    ends = [(links.source[pair], links.target[pair]) for pair in (truth, predicted)]
    same = [_ignore_direction(links, pair) for pair in (truth, predicted)]
    neurons = [(a, b) for a in ends[0] for b in ends[1]]
    left, right = [(a, same[1]) for a in ends[0]], [(same[0], b) for b in ends[1]]
    cells = [_count_cells(links, parts) for parts in (neurons, left, right, [(same[0], same[1])])]
    return cells[0] - cells[1] - cells[2] + cells[3]


def _ignore_direction(links: NumberedLinks, pair: _Counts) -> _Counts:
    """The smaller number of a pair and its reverse."""
    return np.minimum(pair, links.reverse[pair])


def _count_cells(links: NumberedLinks, parts: list[tuple[_Counts, _Counts]]) -> int:
    """Sum of C(c, 2) over the cells of a contingency table, from the cells that each link is in."""
    width = max(1, len(links.source), len(links.nodes))
    return _count_couples(np.concatenate([row * width + column for row, column in parts]))


def _count_couples(values: _Counts) -> int:
    """How many couples have the same value: exact, as a Python number."""
    counts = np.unique(values, return_counts=True)[1]
    return sum(n * (n - 1) // 2 for n in counts.tolist())
