from .contactome import find_contacts, mark_contacts, mark_synapse_overlaps
from .dilation import dilation_offsets
from .synapse_contacts import find_synapse_contacts, scan_segmentation

__all__ = [
    "dilation_offsets",
    "find_contacts",
    "find_synapse_contacts",
    "mark_contacts",
    "mark_synapse_overlaps",
    "scan_segmentation",
]
