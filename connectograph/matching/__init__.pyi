from .agreement import PairScore, SegmentationAgreement, compare_segmentations
from .assignment import choose_pairs
from .clefts import CleftDistances, DistanceSummary, compare_clefts
from .contingency import count_overlaps
from .overlaps import VoxelOverlap, overlap_synapses
from .partners import PartnerAgreement
from .scores import MatchScore
from .segments import SEGMENT_RULES, SegmentMatch, match_segments
from .sites import SiteComparison, SiteMatch, compare_partner_sites
from .sizes import SizeAgreement, SizeBin
from .synapses import MATCH_RULES, SynapseMatch, match_synapses
from .terminals import NeuronIntegrity, count_terminals, score_terminals

__all__ = [
    "MATCH_RULES",
    "SEGMENT_RULES",
    "CleftDistances",
    "DistanceSummary",
    "MatchScore",
    "NeuronIntegrity",
    "PairScore",
    "PartnerAgreement",
    "SegmentMatch",
    "SegmentationAgreement",
    "SiteComparison",
    "SiteMatch",
    "SizeAgreement",
    "SizeBin",
    "SynapseMatch",
    "VoxelOverlap",
    "choose_pairs",
    "compare_clefts",
    "compare_partner_sites",
    "compare_segmentations",
    "count_overlaps",
    "count_terminals",
    "match_segments",
    "match_synapses",
    "overlap_synapses",
    "score_terminals",
]
