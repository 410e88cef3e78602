"""Comparison of two connectomes by their motifs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing, log2_ratio, spearman
from connectograph.graphs import AlignedEdges, as_aligned
from connectograph.motifs.census import count_closed_kinds, orient
from connectograph.motifs.centrality import MAX_PATH_STEPS, centrality_of
from connectograph.motifs.dyads import Codes, Dyads, align_dyads
from connectograph.motifs.profile import LEFT_OUT, MotifProfile, profile_of

__all__ = ["MotifComparison", "compare_dyads", "compare_motifs"]

_RATIOS = ("density", "reciprocity", "transitivity", "clustering")
_COUNTS = ("n_three_cycles", "n_independent_cycles", "n_triangles", "n_four_cliques")


@dataclass(frozen=True, eq=False)
class MotifComparison(Shown):
    """Motifs of a truth and a prediction.

    Attributes
    ----------
    truth, predicted : MotifProfile
        Either graph alone, on the same neurons.
    dyads : pandas.DataFrame
        Pairs of neurons by their state in the truth (rows: null, asymmetric, mutual) and in the prediction (columns:
        null, asymmetric, reversed, mutual); `asymmetric` is the same direction as in the truth, `reversed` the other
        one; where the truth has none, any single direction is `asymmetric`. Undirected: null, edge.
    recovered : dict of str to int
        Closed triads of each kind of which all three pairs are predicted as they are.
    centrality : pandas.DataFrame
        `segment_id, degree_truth, degree_predicted, betweenness_truth, betweenness_predicted`.
    betweenness_spearman : float
        Rank correlation of betweenness over neurons with an edge in either graph.

    Examples
    --------
    A mutual pair loses one of its arrows:

    >>> from connectograph._networkx import nx
    >>> from connectograph.motifs import compare_motifs
    >>> found = compare_motifs(nx.DiGraph([(1, 2), (2, 1), (2, 3)]), nx.DiGraph([(1, 2), (2, 3)]))
    >>> int(found.dyads.loc["mutual", "asymmetric"]), found.truth.reciprocity, found.ratios["reciprocity"]
    (1, 0.6666666666666666, 0.0)
    """

    truth: MotifProfile
    predicted: MotifProfile
    dyads: pd.DataFrame
    recovered: dict[str, int]
    centrality: pd.DataFrame
    betweenness_spearman: float

    @property
    def census(self) -> pd.DataFrame:
        """One row a motif: counts, log2 ratio, and for closed motifs the instances recovered, precision, recall."""
        return pd.DataFrame(self._census_rows())

    @property
    def ratios(self) -> dict[str, float]:
        """Predicted / truth of density, reciprocity, transitivity and clustering; NaN where undefined."""
        return {name: divide(getattr(self.predicted, name), getattr(self.truth, name)) for name in _RATIOS}

    @property
    def log2_ratios(self) -> dict[str, float]:
        """log2((predicted + 0.5) / (truth + 0.5)) of the numbers of cycles and cliques; NaN where not counted."""
        pairs = {name: (getattr(self.predicted, name), getattr(self.truth, name)) for name in _COUNTS}
        return {name: math.nan if None in pair else log2_ratio(*pair) for name, pair in pairs.items()}

    def to_dict(self) -> dict[str, Any]:
        """Everything but the table of single neurons; undefined numbers are None with the reason beside them.

        Examples
        --------
        >>> comparison = compare_motifs(nx.Graph([(1, 2)]), nx.Graph([(1, 3)]))
        >>> comparison.to_dict()["ratios"]["transitivity_reason"]
        'undefined or 0 in the truth, or undefined in the prediction'
        """
        why = "undefined or 0 in the truth, or undefined in the prediction"
        rows = {"precision": "the prediction has no such motif", "recall": "the truth has no such motif"}
        betweenness = explain_missing(
            {"betweenness_spearman": self.betweenness_spearman}, {"betweenness_spearman": self._why_no_betweenness()}
        )
        return {
            "directed": self.truth.directed,
            "n_nodes": self.truth.n_nodes,
            "truth": self.truth.to_dict(),
            "predicted": self.predicted.to_dict(),
            "ratios": explain_missing(self.ratios, dict.fromkeys(_RATIOS, why)),
            "log2_ratios": explain_missing(self.log2_ratios, dict.fromkeys(_COUNTS, self._why_no_count())),
            "dyads": {state: {name: int(row[name]) for name in row.index} for state, row in self.dyads.iterrows()},
            "census": [explain_missing(row, rows) for row in self._census_rows()],
            **betweenness,
        }

    def _census_rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for motif, truth in self.truth.counts.items():
            predicted = self.predicted.counts[motif]
            row = {"motif": motif, "truth": truth, "predicted": predicted, "log2_ratio": log2_ratio(predicted, truth)}
            if motif in self.recovered:
                found = self.recovered[motif]
                row |= {"recovered": found, "precision": divide(found, predicted), "recall": divide(found, truth)}
            rows.append(row)
        return rows

    def _why_no_count(self) -> str:
        return LEFT_OUT if self.truth.quick else "too many to count"

    def _why_no_betweenness(self) -> str:
        if self.truth.quick:
            return LEFT_OUT
        if self.centrality[["betweenness_truth", "betweenness_predicted"]].notna().all(axis=None):
            return "betweenness is the same for all neurons of a graph"
        return f"connected neurons times edges exceed {MAX_PATH_STEPS}, or fewer than three neurons"


def compare_dyads(
    truth: nx.Graph | pd.DataFrame | AlignedEdges, predicted: nx.Graph | pd.DataFrame | None = None
) -> pd.DataFrame:
    """Pairs of neurons by how they are connected in the truth and in the prediction.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`.

    Returns
    -------
    pandas.DataFrame
        As :attr:`MotifComparison.dyads`.

    Examples
    --------
    >>> compare_dyads(nx.DiGraph([(1, 2), (2, 1)]), nx.DiGraph([(1, 2)])).loc["mutual"].tolist()
    [0, 1, 0, 0]
    """
    both = as_aligned(truth, predicted)
    _, _, in_truth, in_predicted = align_dyads(both)
    return _tabulate_dyads(len(both.nodes), in_truth, in_predicted, both.directed)


def compare_motifs(
    truth: nx.Graph | pd.DataFrame | AlignedEdges,
    predicted: nx.Graph | pd.DataFrame | None = None,
    *,
    quick: bool = False,
) -> MotifComparison:
    """Reciprocity, triads, clustering, cycles, cliques and centralities of a prediction against the truth.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges` (for directed tables:
        ``align(truth, predicted, directed=True)``).
    quick : bool
        Leave out cliques and betweenness, which take far longer than all the rest (None and NaN, with the reason).

    Returns
    -------
    MotifComparison

    Raises
    ------
    InputError
        If one graph is directed and the other is not.

    Notes
    -----
    Counts are compared by log2((c_predicted + 0.5) / (c_truth + 0.5)). They can agree although every single motif is
    wrong, lost and invented ones cancelling out; instances cannot: with R_t the closed triads of kind t whose three
    pairs are in the same state in both graphs (the closed triads of the graph of agreeing pairs), recall = R_t / c_t
    of the truth, precision = R_t / c_t of the prediction.

    Maximal cliques and betweenness are left out of graphs that are too large for them (None with the reason; the
    limits are in :mod:`connectograph.motifs.profile` and :mod:`connectograph.motifs.centrality`). Everything else is
    exact at any size: O(m^1.5).

    Examples
    --------
    >>> truth = nx.DiGraph([(1, 2), (2, 3), (1, 3)])
    >>> comparison = compare_motifs(truth, nx.DiGraph([(1, 2), (3, 2), (1, 3)]))
    >>> int(comparison.dyads.loc["asymmetric", "reversed"])
    1
    >>> comparison.truth.counts["030T"], comparison.predicted.counts["030T"], comparison.recovered["030T"]
    (1, 1, 0)
    """
    both = as_aligned(truth, predicted)
    low, high, *codes = align_dyads(both)
    sides = [_select(both, low, high, code, code > 0) for code in codes]
    agreeing = _select(both, low, high, codes[0], (codes[0] > 0) & (codes[0] == codes[1]))
    recovered = count_closed_kinds(orient(agreeing))
    centrality = _compare_centrality(both, sides, quick)
    return MotifComparison(
        truth=profile_of(sides[0], quick=quick),
        predicted=profile_of(sides[1], quick=quick),
        dyads=_tabulate_dyads(len(both.nodes), codes[0], codes[1], both.directed),
        recovered=recovered if both.directed else {"triangle": recovered["300"]},
        centrality=centrality,
        betweenness_spearman=_correlate(both, centrality),
    )


def _select(
    both: AlignedEdges,
    low: npt.NDArray[np.int64],
    high: npt.NDArray[np.int64],
    code: Codes,
    where: npt.NDArray[np.bool_],
) -> Dyads:
    return Dyads(len(both.nodes), both.directed, low[where], high[where], code[where])


def _tabulate_dyads(n_nodes: int, truth: Codes, predicted: Codes, directed: bool) -> pd.DataFrame:
    """Pairs by state in either graph; `truth` and `predicted` are the codes of the pairs connected in one of them."""
    c = np.bincount(truth * 4 + predicted, minlength=16).reshape(4, 4)
    c[0, 0] = n_nodes * (n_nodes - 1) // 2 - len(truth)
    if not directed:
        states = ["null", "edge"]
        return pd.DataFrame(c[np.ix_([0, 3], [0, 3])], pd.Index(states, name="truth"), states)
    table = [
        [c[0, 0], c[0, 1] + c[0, 2], 0, c[0, 3]],
        [c[1, 0] + c[2, 0], c[1, 1] + c[2, 2], c[1, 2] + c[2, 1], c[1, 3] + c[2, 3]],
        [c[3, 0], c[3, 1] + c[3, 2], 0, c[3, 3]],
    ]
    rows = pd.Index(["null", "asymmetric", "mutual"], name="truth")
    return pd.DataFrame(table, rows, ["null", "asymmetric", "reversed", "mutual"])


def _compare_centrality(both: AlignedEdges, sides: list[Dyads], quick: bool) -> pd.DataFrame:
    columns: dict[str, Any] = {"segment_id": both.nodes}
    measured = dict(zip(("truth", "predicted"), (centrality_of(side, quick=quick) for side in sides), strict=True))
    for i, measure in enumerate(("degree", "betweenness")):
        columns |= {f"{measure}_{name}": values[i] for name, values in measured.items()}
    return pd.DataFrame(columns)


def _correlate(both: AlignedEdges, centrality: pd.DataFrame) -> float:
    """Spearman of betweenness over the neurons that have an edge in either graph."""
    connected = np.bincount(np.concatenate([both.source, both.target]), minlength=len(both.nodes)) > 0
    sides = [centrality[f"betweenness_{name}"].to_numpy()[connected] for name in ("truth", "predicted")]
    return math.nan if any(np.isnan(side).any() for side in sides) else spearman(*sides)
