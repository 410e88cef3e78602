from .blame import Blame, blame_causes, blame_links, shapley_values, split_loss
from .causes import (
    CAUSES,
    DETAILS,
    OwnSegmentation,
    attribute_edges,
    attribute_links,
    count_causes,
)
from .fixes import FIX_KINDS, apply_fixes, rank_fixes
from .line_graph import LineGraphScore, compare_line_graphs
from .segment_fixes import SegmentPieces, mend_segments

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
