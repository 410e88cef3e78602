"""Comparison of two connectomes, edge by edge: found or not, how strong, at which threshold, and against what chance.

Conventions: arguments are (truth, predicted), two graphs or edge tables, or both at once as
:class:`~connectograph.graphs.AlignedEdges` (of directed tables: ``align(truth, predicted, directed=True)``); autapses
are in no score; 0/0 is NaN with a reason, never 0 or 1. Intervals are in :mod:`connectograph.uncertainty`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
