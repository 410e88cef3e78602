"""Matching of what a prediction found with what is there: segments, synapses, their partners, their sites.

Conventions: arguments are (truth, predicted); a matching is one to one unless its rule says otherwise; ids are never
compared between the sides, only places; every score names its unit, because a synapse with several partners is one
object and several links; 0/0 is NaN with a reason.
"""

from connectograph.matching.agreement import PairScore, SegmentationAgreement, compare_segmentations
from connectograph.matching.assignment import choose_pairs
from connectograph.matching.clefts import CleftDistances, DistanceSummary, compare_clefts
from connectograph.matching.contingency import count_overlaps
from connectograph.matching.overlaps import VoxelOverlap, overlap_synapses
from connectograph.matching.partners import PartnerAgreement
from connectograph.matching.scores import MatchScore
from connectograph.matching.segments import SEGMENT_RULES, SegmentMatch, match_segments
from connectograph.matching.sites import SiteComparison, SiteMatch, compare_partner_sites
from connectograph.matching.sizes import SizeAgreement, SizeBin
from connectograph.matching.synapses import MATCH_RULES, SynapseMatch, match_synapses
from connectograph.matching.terminals import NeuronIntegrity, count_terminals, score_terminals

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
