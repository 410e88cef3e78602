"""Comparison of two connectomes, edge by edge: found or not, how strong, how sure, and against what chance.

Conventions: arguments are (truth, predicted), two graphs or edge tables, or both at once as
:class:`~connectograph.graphs.AlignedEdges`; autapses are in no score; 0/0 is NaN with a reason, never 0 or 1.
"""

from connectograph.compare.edges import EdgeScore, compare_edges, list_edge_outcomes, score_counts

__all__ = ["EdgeScore", "compare_edges", "list_edge_outcomes", "score_counts"]
