"""Which motifs are more, or less, frequent than by chance; and whether the prediction says the same as the truth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing, log2_ratio
from connectograph.errors import InputError
from connectograph.graphs import AlignedEdges, as_aligned
from connectograph.motifs.census import CONNECTED, census_of
from connectograph.motifs.dyads import Dyads, align_dyads
from connectograph.motifs.nulls import check_keep, draw_seeds, find_touching
from connectograph.motifs.switching import Keep, Switched, switch_dyads

__all__ = ["NullComparison", "compare_to_null"]

_SIDES = ("truth", "predicted")


@dataclass(frozen=True, eq=False)
class NullComparison(Shown):
    """Motif counts of a truth and a prediction, each against its own random graphs.

    Attributes
    ----------
    motifs : pandas.DataFrame
        One row a connected motif: `motif`; for either side (`_truth`, `_predicted`) `count`, `null_mean`, `null_sd`,
        `ratio` (count / null_mean), `log2_ratio` (with 0.5 added to both), `z`, `finding` ("more", "less", "chance");
        `delta` (difference of the log2 ratios, predicted - truth), `preserved` (the findings are the same).
    keep : str
        What the random graphs keep.
    in_contactome : bool
        Whether only neurons that touch were linked.
    n : int
        Random graphs a side.
    tolerance : float
        \\|log2 ratio\\| up to which a motif is as frequent as by chance.
    overlap_truth, overlap_predicted : float
        Mean share of the edges that the random graphs still have.
    n_unmixed : int
        Random graphs whose overlap had not stopped falling (both sides together); 0 is good.

    Examples
    --------
    Ten feed-forward loops are more than chance makes of their arrows; the prediction loses all of them:

    >>> loops = nx.DiGraph([(3 * i + a, 3 * i + b) for i in range(10) for a, b in ((0, 1), (1, 2), (0, 2))])
    >>> lost = nx.DiGraph([(3 * i + a, 3 * i + b) for i in range(10) for a, b in ((0, 1), (1, 2))])
    >>> found = compare_to_null(loops, lost, rng=np.random.default_rng(0), n=10)
    >>> found.motifs.set_index("motif").loc["030T", ["finding_truth", "finding_predicted"]].tolist()
    ['more', 'chance']
    """

    motifs: pd.DataFrame
    keep: str
    in_contactome: bool
    n: int
    tolerance: float
    overlap_truth: float
    overlap_predicted: float
    n_unmixed: int

    @property
    def n_preserved(self) -> int:
        """Motifs of which truth and prediction say the same."""
        return int(self.motifs["preserved"].sum())

    def to_dict(self) -> dict[str, Any]:
        """Everything; an undefined number is None with its reason beside it.

        Examples
        --------
        >>> graph = nx.DiGraph([(1, 2)])
        >>> result = compare_to_null(graph, graph, rng=np.random.default_rng(0), n=2)
        >>> result.to_dict()["motifs"][0]["z_truth_reason"]
        'all random graphs have the same count, or there is only one'
        """
        reasons = {
            "ratio": "no random graph has the motif",
            "z": "all random graphs have the same count, or there is only one",
            "null_sd": "there is only one random graph",
        }
        why = {f"{name}_{side}": reason for name, reason in reasons.items() for side in _SIDES}
        numbers = {name: value for name, value in vars(self).items() if name != "motifs"}
        rows = self.motifs.astype(object).to_dict("records")
        return {
            **numbers,
            "n_preserved": self.n_preserved,
            "n_motifs": len(self.motifs),
            "z_warning": "z grows with the size of the graph and its sign depends on what the random graphs keep; "
            "compare ratios.",
            "motifs": [explain_missing({str(name): value for name, value in row.items()}, why) for row in rows],
        }


def compare_to_null(
    truth: nx.Graph | pd.DataFrame | AlignedEdges,
    predicted: nx.Graph | pd.DataFrame | None = None,
    *,
    keep: Keep = "degrees+reciprocity",
    contactome: pd.DataFrame | None = None,
    rng: np.random.Generator,
    n: int = 100,
    tolerance: float = 0.5,
) -> NullComparison:
    """Do findings about motifs survive: what is more, or less, frequent than by chance in the truth and the prediction?

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges` (for directed tables:
        ``align(truth, predicted, directed=True)``).
    keep, contactome, rng
        As in :func:`~connectograph.motifs.randomise`; one contactome, that of the truth, for both.
    n : int
        Random graphs a side.
    tolerance : float
        A motif is as frequent as by chance while \\|log2 ratio\\| is at most this (0.5: less than 1.41 times more or
        fewer).

    Returns
    -------
    NullComparison

    Raises
    ------
    InputError
        If one graph is directed and the other is not, or an option is none.

    Warns
    -----
    Nothing is warned of, but read the ratios, not z: z = (c - mean) / sd grows with the number of neurons, and the
    random graphs decide its sign. On the connectome of C. elegans the feed-forward loop (030T) has z = -7 against
    random graphs that keep the degrees alone, and +22 against those that keep reciprocity too.

    Notes
    -----
    ratio = c / mean(c of n random graphs); delta = log2 of the prediction's ratio - log2 of the truth's, each with 0.5
    added to both counts; a finding is the sign of log2 ratio where \\|log2 ratio\\| > tolerance. Milo et al. 2002 [1]_
    introduced the comparison; that the random graphs must keep the number of mutual pairs is theirs too.

    References
    ----------
    .. [1] R. Milo et al., Science 298, 824-827, 2002.

    Examples
    --------
    >>> loops = nx.DiGraph([(3 * i + a, 3 * i + b) for i in range(20) for a, b in [(0, 1), (1, 2), (0, 2)]])
    >>> result = compare_to_null(loops, loops.reverse(), rng=np.random.default_rng(0), n=20)
    >>> result.motifs.set_index("motif").loc["030T", ["finding_truth", "finding_predicted"]].tolist()
    ['more', 'more']
    """
    if not tolerance >= 0:
        raise InputError(f"tolerance is {tolerance}; expected 0 or more.")
    check_keep(keep)
    both = as_aligned(truth, predicted)
    low, high, *codes = align_dyads(both)
    touching = find_touching(both.nodes, contactome)
    motifs = CONNECTED if both.directed else ("wedge", "triangle")
    seeds = draw_seeds(rng, n)  # the same on both sides: equal graphs have equal random graphs
    sides = [Dyads(len(both.nodes), both.directed, low[code > 0], high[code > 0], code[code > 0]) for code in codes]
    columns: dict[str, Any] = {"motif": motifs}
    mixing = []
    with ThreadPoolExecutor(2) as pool:
        drawn = pool.map(lambda dyads: _count_nulls(motifs, switch_dyads(dyads, keep, touching, seeds)), sides)
        for side, dyads, (counts, overlap, n_unmixed) in zip(_SIDES, sides, drawn, strict=True):
            described = _describe(_pick(dyads, motifs), counts, tolerance)
            columns |= {f"{name}_{side}": values for name, values in described.items()}
            mixing.append((overlap, n_unmixed))
    table = pd.DataFrame(columns)
    table["delta"] = table["log2_ratio_predicted"] - table["log2_ratio_truth"]
    table["preserved"] = table["finding_truth"] == table["finding_predicted"]
    (overlap_truth, unmixed_truth), (overlap_predicted, unmixed_predicted) = mixing
    return NullComparison(
        motifs=table,
        keep=keep,
        in_contactome=contactome is not None,
        n=n,
        tolerance=tolerance,
        overlap_truth=overlap_truth,
        overlap_predicted=overlap_predicted,
        n_unmixed=unmixed_truth + unmixed_predicted,
    )


def _count_nulls(motifs: Sequence[str], nulls: Iterable[Switched]) -> tuple[npt.NDArray[np.float64], float, int]:
    """Counts (random graph, motif), mean overlap, and how many were not mixed; one random graph held at a time."""
    counts, overlaps, n_unmixed = [], [], 0
    for null in nulls:
        counts.append(_pick(null.dyads, motifs))
        overlaps.append(null.overlap)
        n_unmixed += not null.plateau
    return np.array(counts, np.float64), float(np.mean(overlaps)), n_unmixed


def _describe(counts: Sequence[int], nulls: npt.NDArray[np.float64], tolerance: float) -> dict[str, list[Any]]:
    """Columns of one side: counts against those of the random graphs."""
    mean = nulls.mean(axis=0)
    sd = nulls.std(axis=0, ddof=1) if len(nulls) > 1 else np.full(len(mean), math.nan)
    against = list(zip(counts, mean.tolist(), sd.tolist(), strict=True))
    log2_ratios = [log2_ratio(count, middle) for count, middle, _ in against]
    return {
        "count": list(counts),
        "null_mean": mean.tolist(),
        "null_sd": sd.tolist(),
        "ratio": [divide(count, middle) for count, middle, _ in against],
        "log2_ratio": log2_ratios,
        "z": [divide(count - middle, spread) for count, middle, spread in against],
        "finding": ["more" if x > tolerance else "less" if x < -tolerance else "chance" for x in log2_ratios],
    }


def _pick(dyads: Dyads, motifs: Iterable[str]) -> list[int]:
    census = census_of(dyads)
    return [census[motif] for motif in motifs]
