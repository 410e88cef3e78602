from .agreement import DegreeAgreement
from .comparison import DegreeComparison, compare_degrees
from .neighbours import NeighbourOverlap, compare_neighbours
from .partners import PartnerOverlap
from .paths import PathComparison, compare_paths
from .scores import score_neurons, summarise_scores

__all__ = [
    "DegreeAgreement",
    "DegreeComparison",
    "NeighbourOverlap",
    "PartnerOverlap",
    "PathComparison",
    "compare_degrees",
    "compare_neighbours",
    "compare_paths",
    "score_neurons",
    "summarise_scores",
]
