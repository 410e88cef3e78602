from .baselines import BaselineScore, compare_baselines, spread_contacts
from .edges import EdgeScore, compare_edges, list_edge_outcomes, score_counts
from .large import compare_files
from .operating import OperatingChoice, choose_operating_point
from .sparse import ScoreBounds, SparseScore, bound_scores, compare_sparse
from .sweeps import EdgeCurve, OperatingPoint, rank_edges, sweep_scores
from .thresholds import ThresholdScore, ThresholdSurface, compare_thresholds, threshold_surface
from .types import TypeComparison, compare_types
from .weights import BinScore, Strata, WeightScore, WeightTotals, compare_weights

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
