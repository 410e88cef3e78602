"""Matching of what a prediction found with what is there: segments, synapses, their partners, their sites.

Conventions: arguments are (truth, predicted); a matching is one to one unless its rule says otherwise; ids are never
compared between the sides, only places; every score names its unit, because a synapse with several partners is one
object and several links; 0/0 is NaN with a reason.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
