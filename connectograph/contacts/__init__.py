"""Contacts: which segments a synapse joins, and which segments touch at all (the contactome).

Conventions: N(v) is the set of distinct segments within the dilation of voxel v, inside the volume. Pairs are
unordered, written with segment_a < segment_b.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
