"""Comparison of two connectomes, edge by edge: found or not, how strong, at which threshold, and against what chance.

Conventions: arguments are (truth, predicted), two graphs or edge tables, or both at once as
:class:`~connectograph.graphs.AlignedEdges` (of directed tables: ``align(truth, predicted, directed=True)``); autapses
are in no score; 0/0 is NaN with a reason, never 0 or 1. Intervals are in :mod:`connectograph.uncertainty`.
"""

from connectograph.compare.baselines import BaselineScore, compare_baselines, spread_contacts
from connectograph.compare.edges import EdgeScore, compare_edges, list_edge_outcomes, score_counts
from connectograph.compare.large import compare_files
from connectograph.compare.operating import OperatingChoice, choose_operating_point
from connectograph.compare.sparse import ScoreBounds, SparseScore, bound_scores, compare_sparse
from connectograph.compare.sweeps import EdgeCurve, OperatingPoint, rank_edges, sweep_scores
from connectograph.compare.thresholds import ThresholdScore, ThresholdSurface, compare_thresholds, threshold_surface
from connectograph.compare.types import TypeComparison, compare_types
from connectograph.compare.weights import BinScore, Strata, WeightScore, WeightTotals, compare_weights

__all__ = [
    "BaselineScore",
    "BinScore",
    "EdgeCurve",
    "EdgeScore",
    "OperatingChoice",
    "OperatingPoint",
    "ScoreBounds",
    "SparseScore",
    "Strata",
    "ThresholdScore",
    "ThresholdSurface",
    "TypeComparison",
    "WeightScore",
    "WeightTotals",
    "bound_scores",
    "choose_operating_point",
    "compare_baselines",
    "compare_edges",
    "compare_files",
    "compare_sparse",
    "compare_thresholds",
    "compare_types",
    "compare_weights",
    "list_edge_outcomes",
    "rank_edges",
    "score_counts",
    "spread_contacts",
    "sweep_scores",
    "threshold_surface",
]
