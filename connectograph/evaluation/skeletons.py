"""Skeletons of true neurons that a predicted segmentation is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectograph.errors import InputError
from connectograph.io.skeletons import Skeleton, read_skeletons
from connectograph.volumes import Triple

__all__ = ["NO_SKELETONS", "GivenSkeletons", "SkeletonSource", "open_skeletons"]

SkeletonSource = str | Path | Sequence[Skeleton]


@dataclass(frozen=True, eq=False)
class GivenSkeletons:
    """Skeletons, and where they were read from.

    Attributes
    ----------
    skeletons : sequence of Skeleton, optional
        None if none were given.
    path : str
        File or folder; '' if they were made in memory.
    units : str or tuple of 3 floats, optional
        Of the file, as in :func:`~connectograph.io.skeletons.read_skeletons`.
    """

    skeletons: Sequence[Skeleton] | None = None
    path: str = ""
    units: str | Triple | None = None

    @property
    def files(self) -> dict[str, str]:
        """Their file, if there are any, as the other inputs name theirs."""
        return {} if self.skeletons is None else {"skeletons": self.path}

    @property
    def choices(self) -> dict[str, Any]:
        """What else decides how they are read."""
        return {} if self.skeletons is None else {"swc_units": self.units}

    @property
    def inputs(self) -> dict[str, Any]:
        """Their entry among the inputs of run.json."""
        return {} if self.skeletons is None else {"skeletons": {"path": self.path, "units": self.units}}


NO_SKELETONS = GivenSkeletons()


def open_skeletons(
    source: SkeletonSource | None,
    units: str | Triple | None,
    *,
    predicted_segmentation: object,
    proofread: object = None,
) -> GivenSkeletons:
    """Read skeletons, if any are given; refuse them where no run length would be reported.

    Parameters
    ----------
    source : path or sequence of Skeleton, optional
    units : {"nm", "um"} or tuple of 3 floats, optional
        Of the positions in files.
    predicted_segmentation, proofread : object
        As in :func:`connectograph.evaluate`; only whether they are None counts.

    Returns
    -------
    GivenSkeletons

    Raises
    ------
    InputError
        If there is nothing that they judge, a file's unit is not said, or a file is no SWC.

    Examples
    --------
    >>> open_skeletons([], None, predicted_segmentation="own.hdf").inputs
    {'skeletons': {'path': '', 'units': None}}
    """
    if source is None:
        if units is not None:
            raise InputError("A unit of skeletons was given without skeletons: pass --skeletons (skeletons=...) too.")
        return NO_SKELETONS
    if predicted_segmentation is None:
        raise InputError(
            "Skeletons judge a predicted segmentation, and none was given: pass --predicted-segmentation "
            "(predicted_segmentation=...) too, or judge a volume alone with connectograph.measure_run_length."
        )
    if proofread is not None:
        raise InputError(
            "Skeletons cannot be used with a list of proofread neurons, with which segmentations are not compared: "
            "leave out --proofread (proofread=...), or judge the volume alone with connectograph.measure_run_length."
        )
    if not isinstance(source, (str, Path)):
        return GivenSkeletons(list(source))
    if units is None:
        raise InputError(
            f"{source}: SWC does not say its unit: pass --swc-units nm, --swc-units um or, for positions in voxels, "
            "the voxel size, e.g. --swc-units 40,4,4 (swc_units=...)."
        )
    return GivenSkeletons(read_skeletons(source, units=units), str(source), units)
