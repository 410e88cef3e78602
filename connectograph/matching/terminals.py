"""Segments compared by the synapse terminals on them: who holds which ends of the synapses, and how intact neurons are.

Conventions: a terminal is one end of a synapse, a (synapse, segment) pair. The table "segment_terminals" counts the
terminals that a true and a predicted segment share; in its rows of predicted segment 0 are those that the prediction
has lost (deletions), in those of true segment 0 the ones that it has invented (insertions).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._notebook import Shown
from connectograph._numbers import explain_missing
from connectograph.matching.agreement import PairScore, count_choices, sum_alike
from connectograph.tables import make_table, validate_table

__all__ = ["NeuronIntegrity", "count_terminals", "score_terminals"]

_Counts = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NeuronIntegrity(Shown):
    """Neural reconstruction integrity (NRI) of a prediction.

    Attributes
    ----------
    n_terminals : int
        Terminals found in both; `n_deleted` more are only in the truth, `n_inserted` more only in the prediction.
    pairs : PairScore
        Pairs of terminals on one neuron; its F1 is the NRI.
    table : pandas.DataFrame
        The table "neuron_integrity", one row for each true segment with a terminal.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> score_terminals(empty_table("segment_terminals")).to_dict()["nri_reason"]
    'no two terminals are on one neuron'
    """

    n_terminals: int
    n_deleted: int
    n_inserted: int
    pairs: PairScore
    table: pd.DataFrame

    @property
    def nri(self) -> float:
        """2tp / (2tp + fp + fn); NaN if no two terminals are on one neuron."""
        return self.pairs.f1

    @property
    def median(self) -> float:
        """Median over the neurons for which it is defined; large neurons dominate the NRI of all."""
        scores = self.table["nri"].dropna()
        return float(scores.median()) if len(scores) else math.nan

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it."""
        scores = {
            "nri": self.nri,
            "precision": self.pairs.precision,
            "recall": self.pairs.recall,
            "median_nri": self.median,
        }
        counts = {name: getattr(self, name) for name in ("n_terminals", "n_deleted", "n_inserted")}
        return {**counts, **explain_missing(scores, dict.fromkeys(scores, "no two terminals are on one neuron"))}


def count_terminals(
    links_truth: pd.DataFrame,
    links_predicted: pd.DataFrame,
    *,
    matches: pd.DataFrame,
    touches: pd.DataFrame,
    overlaps: pd.DataFrame,
) -> pd.DataFrame:
    """Terminals that true and predicted segments share.

    Parameters
    ----------
    links_truth, links_predicted : pandas.DataFrame
        Tables "links", each in the ids of its own segmentation.
    matches : pandas.DataFrame
        `synapse_id_truth`, `synapse_id_predicted`, 0 where there is none: the table "synapse_matches".
    touches : pandas.DataFrame
        `synapse_id`, `segment_id`: the predicted segments within reach of each predicted synapse.
    overlaps : pandas.DataFrame
        The table "segment_overlaps".

    Returns
    -------
    pandas.DataFrame
        The table "segment_terminals": `true_segment`, `predicted_segment`, `n_terminals`.

    Raises
    ------
    SchemaError
        If a column is missing or has another type.

    Notes
    -----
    A true terminal (s, a) is found if s is matched with a predicted synapse t: in that predicted segment within reach
    of t that shares most voxels with a (ties: the smallest id). It is lost if there is none. A predicted terminal
    (t, b) is invented if no true terminal was found in it. So the two ends of a synapse between neurons that were
    merged are both found, in the same segment, although it is no link there.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> row = {"synapse_id": [3], "source": [7], "target": [9], "directed": [False], "n_voxels": [1],
    ...        "score": [math.nan], "z_nm": [0.0], "y_nm": [0.0], "x_nm": [0.0]}
    >>> nothing = pd.DataFrame({"synapse_id": np.empty(0, "u8"), "segment_id": np.empty(0, "u8")})
    >>> count_terminals(make_table("links", row), empty_table("links"), matches=empty_table("synapse_matches"),
    ...                 touches=nothing, overlaps=empty_table("segment_overlaps")).to_dict("list")
    {'true_segment': [7, 9], 'predicted_segment': [0, 0], 'n_terminals': [1, 1]}
    """
    for name, table in (("links", links_truth), ("links", links_predicted), ("segment_overlaps", overlaps)):
        validate_table(name, table)
    true = _list_ends(links_truth, "synapse_id_truth", "true_segment")
    predicted = _list_ends(links_predicted, "synapse_id_predicted", "predicted_segment")
    columns = {"synapse_id": "synapse_id_predicted", "segment_id": "predicted_segment"}
    reached = touches[list(columns)].rename(columns=columns)
    found = _find_ends(true, matches, reached, overlaps)
    shared = found.groupby(["true_segment", "predicted_segment"], as_index=False).size()
    lost = _subtract(true, found, ["synapse_id_truth", "true_segment"])["true_segment"]
    invented = _subtract(predicted, found, ["synapse_id_predicted", "predicted_segment"])["predicted_segment"]
    deleted, inserted = (np.unique(ids.to_numpy(), return_counts=True) for ids in (lost, invented))
    none = [np.zeros(len(ids), np.uint64) for ids, _ in (deleted, inserted)]
    return make_table(
        "segment_terminals",
        {
            "true_segment": np.concatenate([shared["true_segment"].to_numpy(), deleted[0], none[1]]),
            "predicted_segment": np.concatenate([shared["predicted_segment"].to_numpy(), none[0], inserted[0]]),
            "n_terminals": np.concatenate([shared["size"].to_numpy(np.int64), deleted[1], inserted[1]]),
        },
    )


def _list_ends(links: pd.DataFrame, synapse: str, segment: str) -> pd.DataFrame:
    """Distinct (synapse, segment) pairs of the links."""
    ends = [links[["synapse_id", end]].set_axis([synapse, segment], axis="columns") for end in ("source", "target")]
    return pd.concat(ends).drop_duplicates()


def _find_ends(
    true: pd.DataFrame, matches: pd.DataFrame, reached: pd.DataFrame, overlaps: pd.DataFrame
) -> pd.DataFrame:
    """True terminals that are found, each with its predicted synapse and segment. Inner joins: no id becomes NaN."""
    ids = matches[["synapse_id_truth", "synapse_id_predicted"]]
    pairs = ids[(ids != 0).all(axis=1)]
    candidates = true.merge(pairs, on="synapse_id_truth").merge(reached, on="synapse_id_predicted")
    candidates = candidates.merge(overlaps, on=["true_segment", "predicted_segment"])
    terminal = ["synapse_id_truth", "true_segment"]
    order = [*terminal, "n_voxels", "predicted_segment"]
    return candidates.sort_values(order, ascending=[True, True, False, True]).drop_duplicates(terminal)


def _subtract(rows: pd.DataFrame, others: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """The rows whose key no other row has."""
    return rows[~pd.MultiIndex.from_frame(rows[key]).isin(pd.MultiIndex.from_frame(others[key]))]


def score_terminals(terminals: pd.DataFrame) -> NeuronIntegrity:
    """Neural reconstruction integrity (NRI), of all neurons and of each.

    Parameters
    ----------
    terminals : pandas.DataFrame
        The table "segment_terminals" of :func:`count_terminals`.

    Returns
    -------
    NeuronIntegrity

    Raises
    ------
    SchemaError
        If a column is missing or has another type.

    Notes
    -----
    With c_ij the terminals that true neuron i and predicted neuron j share, row 0 the insertions and column 0 the
    deletions [1]_: TP = Σ_{i,j>=1} C(c_ij, 2), FN = Σ_{i>=1} C(c_i., 2) - TP, FP = Σ_{j>=1} C(c_.j, 2) - TP, and
    NRI = 2TP / (2TP + FP + FN), the F1 of pairs of terminals. Of one neuron: the terms of its row, where a false pair
    of terminals of two neurons counts one half for either. The deletions are one group, and so are the insertions.

    References
    ----------
    .. [1] E. P. Reilly et al., Neural Reconstruction Integrity, Frontiers in Neuroinformatics 12, 74, 2018.

    Examples
    --------
    The authors' example:

    >>> counts = np.array([[0, 100, 15, 10, 200], [10, 1, 10, 300, 20], [5, 10, 100, 5, 10]])
    >>> i, j = counts.nonzero()
    >>> found = score_terminals(make_table("segment_terminals", {
    ...     "true_segment": i.astype("u8"), "predicted_segment": j.astype("u8"), "n_terminals": counts[i, j]}))
    >>> round(found.pairs.precision, 6), round(found.pairs.recall, 6), round(found.nri, 6)
    (0.559262, 0.755557, 0.642756)
    >>> found.table["nri"].round(6).tolist()
    [0.834637, 0.591855]
    """
    validate_table("segment_terminals", terminals)
    true, other = terminals["true_segment"].to_numpy(), terminals["predicted_segment"].to_numpy()
    count = terminals["n_terminals"].to_numpy()
    named, both = true != 0, (true != 0) & (other != 0)
    tp = count_choices(count[both])
    rows, columns = sum_alike(true[named], count[named])[1], sum_alike(other[other != 0], count[other != 0])[1]
    return NeuronIntegrity(
        n_terminals=int(count[both].sum()),
        n_deleted=int(count[other == 0].sum()),
        n_inserted=int(count[~named].sum()),
        pairs=PairScore(tp, count_choices(columns) - tp, count_choices(rows) - tp),
        table=_score_neurons(terminals),
    )


def _score_neurons(terminals: pd.DataFrame) -> pd.DataFrame:
    """Precision, recall and NRI of each true neuron."""
    true, other = terminals["true_segment"].to_numpy(), terminals["predicted_segment"].to_numpy()
    count = terminals["n_terminals"].to_numpy()
    together = sum_alike(other, count)[0]
    named = true != 0
    ids, place = np.unique(true[named], return_inverse=True)
    share, lost, others = count[named], other[named] == 0, (together - count)[named]

    def add(values: npt.NDArray[Any]) -> _Floats:
        sums = np.zeros(len(ids))
        np.add.at(sums, place, values)
        return sums

    whole = add(share)
    tp = add(np.where(lost, 0, share * (share - 1.0) / 2))
    fp = add(np.where(lost, 0, share * (others / 2)))
    fn = whole * (whole - 1) / 2 - tp
    return make_table(
        "neuron_integrity",
        {
            "segment_id": ids,
            "n_terminals": whole.astype(np.int64),
            "n_deleted": add(np.where(lost, share, 0)).astype(np.int64),
            "precision": _ratio(tp, tp + fp),
            "recall": _ratio(tp, tp + fn),
            "nri": _ratio(2 * tp, 2 * tp + fp + fn),
        },
    )


def _ratio(part: _Floats, whole: _Floats) -> _Floats:
    ratio: _Floats = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return ratio
