"""What a score is worth: predictors that know no synapse, and measures that allow for chance.

Two neurons that touch are connected more often than two that do not, and those that touch on a large area more often
still. A synapse detector must be judged against that, not against 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing
from connectograph.compare.edges import EdgeScore, compare_edges, score_counts
from connectograph.compare.sweeps import EdgeCurve, rank_edges
from connectograph.errors import SchemaError
from connectograph.graphs import AlignedEdges, as_aligned
from connectograph.tables import validate_table

__all__ = ["BaselineScore", "compare_baselines", "spread_contacts"]

_NO_CONTACTS = "no contactome was given"


@dataclass(frozen=True)
class BaselineScore(Shown):
    """A prediction beside predictors that know no synapse.

    Attributes
    ----------
    edges : EdgeScore
        Of the prediction.
    n_pairs : int
        Pairs of different neurons, ordered ones if directed: the universe of `density`, `mcc`.
    on_contacts : EdgeScore or None
        Of the prediction among the pairs in contact alone; None without contactome.
    n_contacts : int or None
        Pairs in contact, ordered ones if directed.
    all_contacts : EdgeScore or None
        Of the predictor that joins all neurons in contact (Peters' rule).
    area_curve : EdgeCurve or None
        Of the predictor that joins the pairs of largest contact area; thresholds are areas in nm^2.

    Examples
    --------
    >>> baseline = BaselineScore(EdgeScore(8, 2, 2), n_pairs=100)
    >>> baseline.density, round(baseline.skill, 3)
    (0.1, 0.778)
    """

    edges: EdgeScore
    n_pairs: int
    on_contacts: EdgeScore | None = None
    n_contacts: int | None = None
    all_contacts: EdgeScore | None = None
    area_curve: EdgeCurve | None = None

    @property
    def density(self) -> float:
        """True edges / pairs: precision, recall and F1 expected of as many edges drawn at random (Erdos-Renyi)."""
        return divide(self.edges.n_truth, self.n_pairs)

    @property
    def best_f1(self) -> float:
        """The highest F1 of the baselines; NaN if the truth has no edge."""
        best = self.area_curve.at_best_f1() if self.area_curve else None
        known = [self.density, self.all_contacts.f1 if self.all_contacts else 0.0, best.edges.f1 if best else 0.0]
        return max(known) if self.edges.n_truth else math.nan

    @property
    def skill(self) -> float:
        """(F1 - best_f1) / (1 - best_f1): 0 is as good as the best baseline, 1 is perfect."""
        return divide(self.edges.f1 - self.best_f1, 1 - self.best_f1)

    @property
    def mcc(self) -> float:
        """Matthews correlation over all pairs; NaN if a row or column of the 2x2 table is empty."""
        return _matthews(self.edges, self.n_pairs)

    @property
    def informedness(self) -> float:
        """Recall - false positive rate among the pairs in contact (Youden's J); NaN without contactome."""
        if self.on_contacts is None or self.n_contacts is None:
            return math.nan
        return self.on_contacts.recall - divide(self.on_contacts.fp, self.n_contacts - self.on_contacts.n_truth)

    def to_dict(self) -> dict[str, Any]:
        """All scores; an undefined one is None with its reason beside it.

        Examples
        --------
        >>> compare_baselines(nx.Graph([(1, 2)]), nx.Graph()).to_dict()["all_contacts_reason"]
        'no contactome was given'
        """
        informed = "all pairs in contact are edges, or none is"
        reasons = {
            "density": "there are fewer than two neurons",
            "best_f1": "the truth has no edge",
            "skill": "the truth has no edge, or a baseline is perfect",
            "mcc": "a graph has no edge, or all",
            "informedness": _NO_CONTACTS if self.on_contacts is None else informed,
        }
        values = {"n_pairs": self.n_pairs, **{name: getattr(self, name) for name in reasons}}
        result = {"edges": self.edges.to_dict(), **explain_missing(values, reasons), "n_contacts": self.n_contacts}
        for name in ("on_contacts", "all_contacts", "area_curve"):
            part = getattr(self, name)
            result[name] = None if part is None else part.to_dict()
        if self.n_contacts is None:
            blank = ("n_contacts", "on_contacts", "all_contacts", "area_curve")
            result |= {f"{name}_reason": _NO_CONTACTS for name in blank}
        return result


def compare_baselines(
    truth: nx.Graph | pd.DataFrame | AlignedEdges,
    predicted: nx.Graph | pd.DataFrame | None = None,
    *,
    contactome: pd.DataFrame | None = None,
    threshold: int = 1,
) -> BaselineScore:
    """Score of a prediction beside those of predictors that know no synapse.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`. Their nodes are the universe: neurons without
        any edge must be among them (of edge tables: ``align(truth, predicted, nodes=...)``).
    contactome : pandas.DataFrame, optional
        The table "contactome"; pairs of area 0, and pairs that are not among the nodes, are left out.
    threshold : int
        Synapses that make an edge, the same on both sides.

    Returns
    -------
    BaselineScore

    Raises
    ------
    InputError
        If one graph is directed and the other is not, or the threshold is below 1.
    SchemaError
        If a pair occurs twice in the contactome, or not with the smaller id first.

    Notes
    -----
    With B the true edges, U the pairs of different neurons and K the pairs in contact (both orders if directed):

        random: precision = recall = F1 = \\|B\\| / \\|U\\|
        all contacts [1]_: precision = \\|B & K\\| / \\|K\\|, recall = \\|B & K\\| / \\|B\\|
        contact area: pairs of K ranked by area, average precision and best F1
        skill = (F1 - best) / (1 - best), as in Cohen's kappa [2]_, best = the highest F1 of the three
        MCC [3]_ = (tp tn - fp fn) / sqrt((tp + fp)(tp + fn)(tn + fp)(tn + fn)) over U
        informedness [4]_ = recall - false positive rate, over K

    O(E + \\|K\\| log \\|K\\|).

    References
    ----------
    .. [1] A. Peters, M. L. Feldman, J. Neurocytol. 5 (1976) 63, doi:10.1007/BF01176183.
    .. [2] J. Cohen, Educ. Psychol. Meas. 20 (1960) 37, doi:10.1177/001316446002000104.
    .. [3] B. W. Matthews, Biochim. Biophys. Acta 405 (1975) 442, doi:10.1016/0005-2795(75)90109-9.
    .. [4] W. J. Youden, Cancer 3 (1950) 32.

    Examples
    --------
    >>> from connectograph.tables import make_table
    >>> contacts = make_table("contactome", {"segment_a": [1, 1, 2], "segment_b": [2, 3, 3], "n_voxels": [1] * 3,
    ...     "n_faces": [9, 1, 5], "area_nm2": [900.0, 100.0, 500.0]})
    >>> baseline = compare_baselines(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2)]), contactome=contacts)
    >>> round(baseline.density, 3), baseline.all_contacts.f1, baseline.area_curve.average_precision
    (0.667, 0.8, 1.0)
    """
    both = as_aligned(truth, predicted)
    n = len(both.nodes)
    n_pairs = n * (n - 1) // (1 if both.directed else 2)
    edges = compare_edges(both, threshold=threshold)
    if contactome is None:
        return BaselineScore(edges, n_pairs)
    contacts = _contact_pairs(both, contactome)
    touch = spread_contacts(both, contactome) > 0
    is_edge, is_predicted = both.truth >= threshold, (both.predicted >= threshold) & touch
    reachable, found = int((is_edge & touch).sum()), int((is_edge & is_predicted).sum())
    connected = contacts.index.isin(_pair_index(both, is_edge))
    return BaselineScore(
        edges,
        n_pairs,
        on_contacts=score_counts(found, int(is_predicted.sum()) - found, reachable - found),
        n_contacts=len(contacts),
        all_contacts=score_counts(reachable, len(contacts) - reachable, edges.n_truth - reachable),
        area_curve=rank_edges(contacts.to_numpy(), connected, edges.n_truth),
    )


def spread_contacts(both: AlignedEdges, contactome: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Contact area of every aligned pair.

    Parameters
    ----------
    both : AlignedEdges
    contactome : pandas.DataFrame
        The table "contactome".

    Returns
    -------
    (E,) array of float64
        nm^2; 0 where the pair does not touch.

    Examples
    --------
    >>> from connectograph.graphs import align
    >>> from connectograph.tables import make_table
    >>> contacts = make_table("contactome", {"segment_a": [1], "segment_b": [2], "n_voxels": [1], "n_faces": [9],
    ...     "area_nm2": [900.0]})
    >>> spread_contacts(align(nx.DiGraph([(2, 1), (2, 3)]), nx.DiGraph()), contacts).tolist()
    [900.0, 0.0]
    """
    every = np.ones(len(both.source), bool)
    area = _contact_pairs(both, contactome).reindex(_pair_index(both, every), fill_value=0.0)
    return np.asarray(area, np.float64)


def _contact_pairs(both: AlignedEdges, contactome: pd.DataFrame) -> pd.Series[float]:
    """Area of the pairs of nodes that share membrane, by (source, target); both orders if directed."""
    table = validate_table("contactome", contactome, ["segment_a", "segment_b", "area_nm2"])
    if (table["segment_a"] >= table["segment_b"]).any() or table.duplicated(["segment_a", "segment_b"]).any():
        raise SchemaError(
            "contactome: a pair occurs twice, or not with the smaller id first (find_contacts does both)."
        )
    inside = table["segment_a"].isin(both.nodes) & table["segment_b"].isin(both.nodes) & (table["area_nm2"] > 0)
    a, b, area = (table.loc[inside, name].to_numpy() for name in ("segment_a", "segment_b", "area_nm2"))
    if both.directed:
        a, b, area = np.concatenate([a, b]), np.concatenate([b, a]), np.concatenate([area, area])
    return pd.Series(area, pd.MultiIndex.from_arrays([a, b]))


def _pair_index(both: AlignedEdges, chosen: npt.NDArray[np.bool_]) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([both.nodes[both.source[chosen]], both.nodes[both.target[chosen]]])


def _matthews(edges: EdgeScore, n_pairs: int) -> float:
    tp, fp, fn = edges.tp, edges.fp, edges.fn
    tn = n_pairs - tp - fp - fn
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return divide(tp * tn - fp * fn, math.sqrt(product))
