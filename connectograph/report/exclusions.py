"""Words for everything that is left out of a score, in one place for the verdict and the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectograph.report.wording import clean_text

__all__ = ["SIDES", "list_single", "noun_of"]

SIDES = ("truth", "predicted")
_OF_BOTH_SIDES = (
    "{}_synapses_unattached",
    "{}_unattached_reasons",
    "{}_pairs_filtered",
    "{}_connections_not_proofread",
)
_NOUNS = {
    "segments_listed": "segment{s} excluded by id",
    "segments_below_size": "segment{s} below the size limit",
    "split_voxels_to_background": "voxel{s} of small parts turned to background",
    "predicted_segments_excluded": "predicted segment{s} that lie mostly in excluded ones",
    "predicted_segments_below_size": "predicted segment{s} below the size limit",
    "predicted_split_voxels_to_background": "voxel{s} of small predicted parts turned to background",
    "ignored_voxels": "voxel{s} marked as ignored",
    "ignored_synapses": "predicted synapse{s} wholly in ignored voxels",
    "predicted_synapses_below_size": "predicted synapse{s} below the size limit",
    "nan_voxels": "heat-map voxel{s} without a value",
    "truth_neurons_unmatched": "true neuron{s} without a match",
    "predicted_neurons_unmatched": "predicted neuron{s} without a match",
    "truth_lone_sites": "true site{s} without a partner",
    "predicted_lone_sites": "predicted site{s} without a partner",
}
_NOUNS |= {
    f"{side}_{end}_sites_{place}": f"{adjective} {end}synaptic point{{s}} {words}"
    for side, adjective in (("truth", "true"), ("predicted", "predicted"))
    for end in ("pre", "post")
    for place, words in (("outside", "outside the volume"), ("on_background", "on background"))
}


def list_single(excluded: Mapping[str, Any]) -> dict[str, int]:
    """The numbers of the block "excluded" that have no counterpart on the other side, known or not.

    Examples
    --------
    >>> list_single({"segments_listed": 2, "truth_pairs_filtered": 1, "nan_voxels": None, "missing_chunks": 3})
    {'segments_listed': 2, 'missing_chunks': 3}
    """
    paired = {key.format(side) for key in _OF_BOTH_SIDES for side in SIDES}
    return {key: count for key, count in excluded.items() if key not in paired and isinstance(count, int)}


def noun_of(key: str) -> str:
    """What a number counts, with {s} where its plural differs.

    Examples
    --------
    >>> noun_of("segments_listed"), noun_of("missing_chunks")
    ('segment{s} excluded by id', 'missing chunks')
    """
    return _NOUNS.get(key) or clean_text(key).replace("_", " ").replace("{", "").replace("}", "")
