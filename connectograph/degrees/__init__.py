"""Neurons: how well each one's connections were found, and what errors do to degrees, hubs, partners and paths.

Conventions: arguments are (truth, predicted), two graphs or edge tables, or both at once as
:class:`~connectograph.graphs.AlignedEdges` (of directed tables: ``align(truth, predicted, directed=True)``); roles are
"in", "out" and "total" (both), undirected "total" alone; autapses are in no count; 0/0 is NaN with a reason.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
