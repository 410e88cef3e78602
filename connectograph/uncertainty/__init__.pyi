from .clusters import MIN_NEURONS
from .intervals import edge_intervals, ratio_interval
from .jackknife import node_jackknife
from .paired import paired_test
from .results import Difference, EdgeIntervals, Interval, PairedTest

__all__ = [
    "MIN_NEURONS",
    "Difference",
    "EdgeIntervals",
    "Interval",
    "PairedTest",
    "edge_intervals",
    "node_jackknife",
    "paired_test",
    "ratio_interval",
]
