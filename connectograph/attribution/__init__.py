"""Why connections are wrong, what each source of error costs, and what to fix first.

Conventions: arguments are (truth, predicted), then what matches them; pure functions of tables; causes, parts of a loss
and fixes add up exactly.
"""

from connectograph.attribution.blame import Blame, blame_causes, blame_links, shapley_values, split_loss
from connectograph.attribution.causes import (
    CAUSES,
    DETAILS,
    OwnSegmentation,
    attribute_edges,
    attribute_links,
    count_causes,
)
from connectograph.attribution.fixes import FIX_KINDS, apply_fixes, rank_fixes
from connectograph.attribution.line_graph import LineGraphScore, compare_line_graphs
from connectograph.attribution.segment_fixes import SegmentPieces, mend_segments

__all__ = [
    "CAUSES",
    "DETAILS",
    "FIX_KINDS",
    "Blame",
    "LineGraphScore",
    "OwnSegmentation",
    "SegmentPieces",
    "apply_fixes",
    "attribute_edges",
    "attribute_links",
    "blame_causes",
    "blame_links",
    "compare_line_graphs",
    "count_causes",
    "mend_segments",
    "rank_fixes",
    "shapley_values",
    "split_loss",
]
