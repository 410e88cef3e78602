from .census import CLOSED, CONNECTED, TRIADS, TRIPLES, count_triads, count_triples
from .centrality import measure_centrality
from .comparison import MotifComparison, compare_dyads, compare_motifs
from .intervals import ratio_intervals
from .nulls import NullGraph, randomise
from .profile import MotifProfile, measure_motifs
from .significance import NullComparison, compare_to_null

__all__ = [
    "CLOSED",
    "CONNECTED",
    "TRIADS",
    "TRIPLES",
    "MotifComparison",
    "MotifProfile",
    "NullComparison",
    "NullGraph",
    "compare_dyads",
    "compare_motifs",
    "compare_to_null",
    "count_triads",
    "count_triples",
    "measure_centrality",
    "measure_motifs",
    "randomise",
    "ratio_intervals",
]
