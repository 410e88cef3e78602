"""Synapses: from instance labels, masks and heat maps to instances; their sizes, places and scores.

Conventions: synapse voxels are kept as runs along x (linear index of the first voxel, length), never as a dense
volume, so memory grows with the synapses and not with the volume. Ids are those of the labels, or, for masks and
heat maps, the 26-connected components numbered from 1 by their smallest linear voxel index.

Functions: :func:`label_synapses`, :func:`measure_synapses`, :func:`find_shared`.
"""

from connectograph.synapses.instances import Synapses, find_shared, measure_synapses, positions
from connectograph.synapses.labelling import FORMS, label_synapses

__all__ = ["FORMS", "Synapses", "find_shared", "label_synapses", "measure_synapses", "positions"]
