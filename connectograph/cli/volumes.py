"""Commands on volumes alone: what they hold, clean ones, their contacts, other formats."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectograph.cli.console import print_card, print_notices
from connectograph.cli.directed import show_points
from connectograph.cli.ids import read_ids
from connectograph.errors import InputError, MissingVoxelSize
from connectograph.io import convert_volumes, read_volume, write_volume
from connectograph.volumes import Volume

__all__ = ["dilation_of", "reading_of", "run_check", "run_clean", "run_contacts", "run_convert"]

_TABLES = (".parquet", ".csv")


def run_check(options: argparse.Namespace) -> int:
    """Print an input card for each volume, for annotations and for tables of points."""
    from connectograph.segments import measure_segments

    for name in options.volumes:
        if show_points(name):
            continue
        volume, sized = _read_any(name, options)
        whole = volume.dtype.kind in "bui"
        n_ids = len(measure_segments(volume, workers=options.workers, engine=options.engine)) if whole else None
        print_card("volume", volume, n_ids, sized=sized)
    return 0


def run_clean(options: argparse.Namespace) -> int:
    """Write the segmentation with only its kept segments."""
    from connectograph.segments import clean_segments

    _refuse_existing(options.out, options.overwrite)
    segmentation, segments = _keep(options)
    write_volume(
        options.out,
        clean_segments(segmentation, segments),
        overwrite=options.overwrite,
    )
    for status, count in segments["status"].value_counts(sort=False).items():
        print(f"{status:<12}{count:,} segments")
    print(f"written: {options.out}")
    return 0


def run_contacts(options: argparse.Namespace) -> int:
    """Write the contactome or the synapse contacts, as a table or as a volume of the overlap."""
    from connectograph.contacts import find_contacts, find_synapse_contacts, mark_contacts, mark_synapse_overlaps
    from connectograph.io.tables import write_table
    from connectograph.synapses import label_synapses

    _refuse_existing(options.out, options.overwrite)
    segmentation, segments = _keep(options)
    as_table = options.out.suffix in _TABLES
    how = {**dilation_of(options), "segments": segments, "workers": options.workers, "engine": options.engine}
    if options.synapses is None:
        found: Any = find_contacts(segmentation, **how) if as_table else mark_contacts(segmentation, **how)
    else:
        clefts = read_volume(options.synapses, role="truth", like=segmentation, **reading_of(options))
        synapses = label_synapses(clefts, workers=options.workers, engine=options.engine)
        find = find_synapse_contacts if as_table else mark_synapse_overlaps
        found = find(segmentation, synapses, **how)
    if as_table:
        write_table(found, options.out)
        print(f"{len(found):,} rows")
    else:
        write_volume(options.out, found, overwrite=options.overwrite)
    print(f"written: {options.out}")
    return 0


def run_convert(options: argparse.Namespace) -> int:
    """Write volumes in another format."""
    convert_volumes(
        options.inputs,
        options.output,
        voxel_size=options.voxel_size,
        overwrite=options.overwrite,
        **reading_of(options),
    )
    print(f"written: {options.output}")
    return 0


def dilation_of(options: argparse.Namespace) -> dict[str, Any]:
    """The dilation that was asked for, one voxel if none was."""
    if options.dilation_nm is not None:
        return {"dilation": None, "dilation_nm": options.dilation_nm}
    return {"dilation": 1 if options.dilation is None else options.dilation, "dilation_nm": None}


def reading_of(options: argparse.Namespace) -> dict[str, Any]:
    """How volumes are to be opened."""
    return {"axes": options.axes, "allow_missing_chunks": options.allow_missing_chunks}


def _keep(options: argparse.Namespace) -> tuple[Volume, Any]:
    """The segmentation (split if asked) and its table with what is kept."""
    from connectograph.segments import mark_split_off, measure_segments, select_segments, split_segments

    segmentation = read_volume(
        options.segmentation, role="segmentation", voxel_size=options.voxel_size, **reading_of(options)
    )
    print_notices(segmentation)
    exclude, pieces = read_ids(options.exclude_segments), None
    if options.split_disconnected:
        segmentation, pieces = split_segments(
            segmentation,
            exclude=exclude,
            min_split_fraction=options.min_split_fraction,
            min_segment_voxels=options.min_segment_voxels,
            workers=options.workers,
            engine=options.engine,
        )
    measured = measure_segments(segmentation, workers=options.workers, engine=options.engine)
    segments = measured if pieces is None else mark_split_off(measured, pieces)
    return segmentation, select_segments(segments, exclude=exclude, min_segment_voxels=options.min_segment_voxels)


def _read_any(name: str, options: argparse.Namespace) -> tuple[Volume, bool]:
    """A volume of unknown role, and whether its voxel size is known."""
    try:
        return read_volume(name, voxel_size=options.voxel_size, **reading_of(options)), True
    except MissingVoxelSize:
        return replace(read_volume(name, voxel_size=(1.0, 1.0, 1.0), **reading_of(options)), assumed=()), False


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already: pass --overwrite to replace it, or choose another --out.")
