"""Contacts: which segments a synapse joins, and which segments touch at all (the contactome).

Conventions: N(v) is the set of distinct segments within the dilation of voxel v, inside the volume. Pairs are
unordered, written with segment_a < segment_b.
"""

from connectograph.contacts.contactome import find_contacts, mark_contacts, mark_synapse_overlaps
from connectograph.contacts.dilation import dilation_offsets
from connectograph.contacts.synapse_contacts import find_synapse_contacts, scan_segmentation

__all__ = [
    "dilation_offsets",
    "find_contacts",
    "find_synapse_contacts",
    "mark_contacts",
    "mark_synapse_overlaps",
    "scan_segmentation",
]
