"""Neurons: how well each one's connections were found, and what errors do to degrees, hubs, partners and paths.

Conventions: arguments are (truth, predicted), two graphs or edge tables, or both at once as
:class:`~connectograph.graphs.AlignedEdges` (of directed tables: ``align(truth, predicted, directed=True)``); roles are
"in", "out" and "total" (both), undirected "total" alone; autapses are in no count; 0/0 is NaN with a reason.
"""

from connectograph.degrees.agreement import DegreeAgreement
from connectograph.degrees.comparison import DegreeComparison, compare_degrees
from connectograph.degrees.neighbours import NeighbourOverlap, compare_neighbours
from connectograph.degrees.partners import PartnerOverlap
from connectograph.degrees.paths import PathComparison, compare_paths
from connectograph.degrees.scores import score_neurons, summarise_scores

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
