"""Motifs: what pairs, triples and larger groups of neurons look like, against the truth and against chance.

Conventions: arguments are (truth, predicted), two graphs or edge tables, or both at once as
:class:`~connectograph.graphs.AlignedEdges` (of directed tables: ``align(truth, predicted, directed=True)``); a pair of
neurons is connected or not, whatever its number of synapses; autapses are in no count; counts are exact integers.

Triads have the names of Davis and Leinhardt: how many of their three pairs are mutual, asymmetric and null, then a
letter. Drawn with A, B, C (``<->`` mutual)::

    003   A  B  C             012   A -> B  C           102   A <-> B  C
    021D  A <- B -> C         021U  A -> B <- C         021C  A -> B -> C
    111D  A <-> B <- C        111U  A <-> B -> C        201   A <-> B <-> C
    030T  A -> B -> C, A -> C           030C  A -> B -> C -> A
    120D  A <- B -> C, A <-> C          120U  A -> B <- C, A <-> C
    120C  A -> B -> C, A <-> C          210   A -> B <-> C, A <-> C
    300   A <-> B <-> C, A <-> C

111D and 111U are swapped in part of the literature; here they are as drawn, which is what networkx counts.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
