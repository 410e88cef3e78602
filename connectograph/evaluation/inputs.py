"""The inputs of an evaluation: opened, and checked to lie on one grid.

Nothing heavy is imported for it, so that what is wrong with the inputs is said at once.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from connectograph.errors import InputError
from connectograph.io.hdf5_access import CREMI_DATASETS
from connectograph.io.sources import is_store, split_path
from connectograph.io.volumes import read_volume
from connectograph.volumes import Triple, Volume, check_same_grid

__all__ = ["Source", "read_inputs", "refuse_without_synapses"]

Source = str | Path | Volume


def read_inputs(
    segmentation: Source,
    truth: Source | None,
    predicted: Source | None,
    raw: Source | None = None,
    predicted_segmentation: Source | None = None,
    *,
    axes: str = "zyx",
    voxel_size: Triple | None = None,
    allow_missing_chunks: bool = False,
) -> dict[str, Volume]:
    """Open the volumes of an evaluation and check that they lie on the same grid.

    Returns
    -------
    dict of str to Volume
        "segmentation", "truth", and, if given, "predicted", "raw", "predicted_segmentation".

    Raises
    ------
    InputError
        If one cannot be opened, or they do not fit together.
    """
    refuse_without_synapses(predicted_segmentation, predicted)
    if truth is None:
        truth = _clefts_beside(segmentation)
    read = partial(read_volume, axes=axes, voxel_size=voxel_size, allow_missing_chunks=allow_missing_chunks)
    volumes = {"segmentation": read(segmentation, role="segmentation")}
    for role, source in (("truth", truth), ("predicted", predicted), ("raw", raw)):
        if source is not None:
            volumes[role] = read(source, role=role, like=volumes["segmentation"])
            check_same_grid(volumes["segmentation"], volumes[role])
    if predicted_segmentation is not None:
        own = read(predicted_segmentation, role="segmentation", like=volumes["segmentation"])
        check_same_grid(volumes["segmentation"], own)
        volumes["predicted_segmentation"] = own
    return volumes


def refuse_without_synapses(predicted_segmentation: object, predicted: object) -> None:
    """Refuse a predicted segmentation without predicted synapses."""
    if predicted_segmentation is not None and predicted is None:
        raise InputError(
            "A predicted segmentation was given without predicted synapses: pass --predicted (predicted=...) too; the "
            "true synapses will do to judge the segmentation alone."
        )


def _clefts_beside(segmentation: Source) -> str:
    """The file of the segmentation, where the truth is looked for when none is named."""
    if isinstance(segmentation, Volume):
        raise InputError("No truth was given: pass truth=..., a path or a Volume of synapse labels.")
    path = str(split_path(segmentation)[0])
    # a store that is one array itself must not be its own truth
    return f"{path}:{CREMI_DATASETS['truth']}" if is_store(path) else path
