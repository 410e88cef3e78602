"""Comparison of connectomes whose edge tables are larger than memory."""

from __future__ import annotations

from pathlib import Path

from connectograph.compare.edges import EdgeScore, score_counts
from connectograph.compare.weights import WeightTotals
from connectograph.io.large_tables import join_edges

__all__ = ["compare_files"]


def compare_files(
    truth: str | Path, predicted: str | Path, *, directed: bool = False, max_memory: int = 2 << 30
) -> tuple[EdgeScore, WeightTotals]:
    """Precision, recall and F1 of two edge tables on disk, of edges and of synapses, within a given memory.

    Parameters
    ----------
    truth, predicted : str or Path
        Parquet files with `source`, `target` and `n_synapses` (uint64 or int64); rows of the same pair are added.
    directed : bool
        Keep the direction source to target; otherwise both directions of a pair are added.
    max_memory : int
        Bytes that this process may take; what does not fit goes to temporary files.

    Returns
    -------
    edges : EdgeScore
        As of :func:`compare_edges`.
    weights : WeightTotals
        As of :func:`compare_weights`, but for the measures that need all weights at once.

    Raises
    ------
    InputError
        If DuckDB is not installed, a file cannot be read, the memory or the disk is too small, or a column `directed`
        says otherwise than `directed`.
    SchemaError
        If a column is missing or of another type, or holds what no edge has.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> edges = pd.DataFrame({"source": [1, 2], "target": [2, 3], "n_synapses": [4, 1]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     edges.to_parquet(f"{folder}/truth.parquet")
    ...     edges.head(1).to_parquet(f"{folder}/predicted.parquet")
    ...     score, weights = compare_files(f"{folder}/truth.parquet", f"{folder}/predicted.parquet")
    >>> score, weights.recall
    (EdgeScore(tp=1, fp=0, fn=1), 0.8)
    """
    found = join_edges(truth, predicted, directed=directed, max_memory=max_memory)
    tp = found.n_common
    weights = WeightTotals(
        found.n_truth + found.n_predicted - tp, found.total_truth, found.total_predicted, found.total_common
    )
    return score_counts(tp, found.n_predicted - tp, found.n_truth - tp), weights
