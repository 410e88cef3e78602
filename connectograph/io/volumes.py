"""Volumes from files and to files, whatever the format.

Functions: :func:`read_volume`, :func:`write_volume`, :func:`convert_volumes`.

Formats: HDF5 (the CREMI layout finds its datasets by itself), numpy arrays pickled into .xz or .pkl, .npy, .npz, TIFF;
folders and URLs of Zarr, OME-Zarr, N5, neuroglancer precomputed and webKnossos. HDF5, pickles and chunked stores are
read piece by piece whenever they are used; nothing in a file is ever run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError, MissingVoxelSize
from connectograph.io.hdf5_access import CREMI_DATASETS, find_dataset
from connectograph.io.lazy import turn
from connectograph.io.sources import check_file, format_of, format_within, is_store, split_path
from connectograph.io.writing import write_labels
from connectograph.volumes import LazyLabels, Shape, Triple, Volume, check_same_grid

__all__ = ["convert_volumes", "read_volume", "write_volume"]

_ORDER = ("segmentation", "truth", "raw")
"""What several inputs of a conversion are."""

_AXES: dict[str, Shape] = {"zyx": (0, 1, 2), "xyz": (2, 1, 0)}

Labels = npt.NDArray[Any] | LazyLabels


class _Stored(NamedTuple):
    """What a file says about a volume; None where it says nothing.

    `problem` is why it says no voxel size; `ordered` whether it says its axes, which are then in the order (z, y, x).
    """

    labels: Labels
    name: str
    voxel_size: Any = None
    offset: Any = None
    notes: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    problem: str = ""
    ordered: bool = False


def read_volume(
    source: str | os.PathLike[str] | Volume,
    *,
    role: str | None = None,
    like: Volume | None = None,
    axes: str = "zyx",
    voxel_size: Triple | None = None,
    offset: Triple | None = None,
    allow_missing_chunks: bool = False,
) -> Volume:
    """A volume from a file, or from a folder or URL of chunks.

    Parameters
    ----------
    source : path or Volume
        ``FILE`` or ``FILE:DATASET`` (HDF5, .npz, and an array or level of a chunked store: ``seg.zarr:1`` is level 1).
        A Volume is returned as it is. The environment says where s3:// is (AWS_ENDPOINT_URL) and holds credentials.
    role : {"segmentation", "truth", "predicted", "raw"}, optional
        Which dataset of the CREMI layout to take where none is named: volumes/labels/neuron_ids, volumes/labels/clefts
        (truth and predicted) or volumes/raw. A prediction may also be the only three-dimensional dataset of its file.
    like : Volume, optional
        The segmentation, whose voxel size and offset a file takes that says nothing about them.
    axes : {"zyx", "xyz"}
        Order of the axes in the file, if it does not name them. Voxel size and offset are (z, y, x) in either case.
    voxel_size, offset : tuple of 3 floats, optional
        In nm, instead of the file's attributes `resolution` and `offset`. Without either, the offset is 0.
    allow_missing_chunks : bool
        Read chunks that a store lacks as its fill value, and count them in `notices`; without it they are an error.

    Returns
    -------
    Volume
        Named as given; `assumed` says what did not come from the file.

    Raises
    ------
    InputError
        If the file is missing, damaged, unsafe, of another format or no volume; if the dataset is not there or not
        clear; if the voxel size is not known.
    TypeError
        If `source` is neither a path nor a Volume.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(f"{folder}/a.hdf", Volume(np.ones((2, 3, 4), "uint64"), voxel_size=(40, 4, 4)))
    ...     volume = read_volume(f"{folder}/a.hdf", role="segmentation")
    ...     volume.shape, volume.voxel_size
    ((2, 3, 4), (40.0, 4.0, 4.0))
    """
    if isinstance(source, Volume):
        return source
    stored = _open(source, role, axes, allow_missing_chunks)
    size, size_notes = _choose_size(stored, like, voxel_size)
    place, place_notes = _choose_offset(stored, like, offset)
    notes = (*stored.notes, *size_notes, *place_notes)
    return Volume(stored.labels, size, place, name=stored.name, assumed=notes, notices=stored.notices)


def write_volume(
    path: str | os.PathLike[str], volume: Volume, *, dataset: str | None = None, overwrite: bool = False
) -> None:
    """Write a volume to a file, block by block: whole, or not at all.

    Parameters
    ----------
    path : path
        The name's ending says the format: .hdf, .h5 (CREMI layout, compressed; a dataset is added to a file that
        exists), .zarr (Zarr v3 with OME-NGFF 0.5 metadata), .npy, .npz or .tif (voxels only). Not the file that the
        volume is read from.
    volume : Volume
    dataset : str, optional
        HDF5: name of the dataset, by default volumes/labels/neuron_ids; Zarr: of the group, by default the whole
        store. May also be given as ``FILE:DATASET``.
    overwrite : bool
        Replace a file, or in HDF5 a dataset, that exists.

    Raises
    ------
    InputError
        If it exists already, the format is none of these, or there is no room for it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(f"{folder}/a.npy", Volume(np.ones((2, 3, 4), "uint64"), voxel_size=(40, 4, 4)))
    ...     np.load(f"{folder}/a.npy").shape
    (2, 3, 4)
    """
    file, named = split_path(path)
    write_labels(file, {dataset or named or "": (volume.labels, _attributes(volume))}, overwrite)


def convert_volumes(
    inputs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    axes: str = "zyx",
    voxel_size: Triple | None = None,
    offset: Triple | None = None,
    overwrite: bool = False,
    allow_missing_chunks: bool = False,
) -> None:
    """Write one volume in another format, or up to three into one CREMI file.

    Parameters
    ----------
    inputs : sequence of paths
        Segmentation, synapse clefts and raw data, in this order; each ``FILE`` or ``FILE:DATASET``. A single one may
        be anything.
    output : path
        As in :func:`write_volume`; several inputs go to HDF5, to the datasets of the CREMI layout.
    axes, voxel_size, offset, allow_missing_chunks
        As in :func:`read_volume`, for all inputs. A single input may go without a voxel size.
    overwrite : bool
        Replace what exists.

    Raises
    ------
    InputError
        As :func:`read_volume` and :func:`write_volume`; or if several inputs are not on the same grid.

    Examples
    --------
    >>> import lzma, pickle, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with lzma.open(f"{folder}/a.xz", "w") as file:
    ...         pickle.dump(np.ones((2, 3, 4), "uint16"), file)
    ...     convert_volumes([f"{folder}/a.xz"], f"{folder}/a.npy")
    ...     np.load(f"{folder}/a.npy").sum()
    np.uint64(24)
    """
    file, dataset = split_path(output)
    if not 1 <= len(inputs) <= len(_ORDER) or (len(inputs) > 1 and (dataset or format_of(file) != "HDF5")):
        raise InputError(
            f"{len(inputs)} inputs for {output}; expected one, or two or three (segmentation, clefts, raw data) for a "
            "whole HDF5 file."
        )
    if len(inputs) == 1:
        stored = _open(inputs[0], None, axes, allow_missing_chunks)
        if voxel_size is None and stored.problem:
            _choose_size(stored, None, None)
        place = {"resolution": voxel_size or stored.voxel_size, "offset": offset or stored.offset}
        known = {name: value for name, value in place.items() if value is not None}
        write_labels(file, {dataset or "": (stored.labels, known)}, overwrite)
        return
    volumes: list[Volume] = []
    read = partial(
        read_volume, axes=axes, voxel_size=voxel_size, offset=offset, allow_missing_chunks=allow_missing_chunks
    )
    for source, role in zip(inputs, _ORDER, strict=False):
        volumes.append(read(source, role=role, like=volumes[0] if volumes else None))
        check_same_grid(volumes[0], volumes[-1])
    contents = {
        CREMI_DATASETS[role]: (volume.labels, _attributes(volume))
        for role, volume in zip(_ORDER, volumes, strict=False)
    }
    write_labels(file, contents, overwrite)


def _open(source: str | os.PathLike[str], role: str | None, axes: str, allow_missing_chunks: bool) -> _Stored:
    """What a file holds, its axes in the order (z, y, x)."""
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            f"a volume is read from a path, found {type(source).__name__}; a bare array needs "
            "Volume(array, voxel_size=(z, y, x))."
        )
    if role is not None and role not in CREMI_DATASETS:
        raise InputError(f"role is {role!r}; expected one of {', '.join(CREMI_DATASETS)}.")
    if axes not in _AXES:
        raise InputError(f"axes is {axes!r}; expected 'zyx' or 'xyz'.")
    path, dataset = split_path(source)
    if is_store(path):
        stored = _open_chunks(path, dataset, role, allow_missing_chunks)
    else:
        stored = _open_stored(path, dataset, role)
    if len(stored.labels.shape) != 3:
        raise InputError(f"{stored.name} has shape {stored.labels.shape}; expected three dimensions (z, y, x).")
    if stored.ordered:
        return stored
    notes = (*stored.notes, "axes stored as x, y, z") if axes == "xyz" else stored.notes
    return stored._replace(labels=turn(stored.labels, _AXES[axes]), notes=notes)


def _open_chunks(path: str, dataset: str | None, role: str | None, allow_missing_chunks: bool) -> _Stored:
    """What a folder or URL of chunks holds."""
    from connectograph.io.chunked import open_chunked

    labels, array, notices = open_chunked(path, dataset, role, allow_missing_chunks=allow_missing_chunks)
    return _Stored(
        labels,
        labels.name,
        array.voxel_size,
        array.offset,
        labels.notes,
        notices,
        array.problem,
        ordered=bool(array.axes),
    )


def _open_stored(path: str, dataset: str | None, role: str | None) -> _Stored:
    check_file(path)
    form = format_of(path) or format_within(path)
    if form == "HDF5":
        from connectograph.io.hdf5 import Hdf5Labels

        labels = Hdf5Labels(path, dataset or find_dataset(path, role))
        return _Stored(labels, labels.name, labels.voxel_size, labels.offset, labels.notes)
    if form == ".npz":
        from connectograph.io.arrays import read_npz

        array, name = read_npz(path, dataset)
        return _Stored(array, f"{path}:{name}")
    if dataset is not None:
        raise InputError(f"{path} is {form}, which has no datasets; found {dataset!r}. Name the file alone.")
    return _Stored(_read_single(path, form), path)


def _read_single(path: str, form: str) -> Labels:
    """The one array of a file."""
    if form == "a pickle":
        from connectograph.io.pickled import read_pickled

        return read_pickled(path)
    from connectograph.io.arrays import read_npy, read_tiff

    return read_npy(path) if form == ".npy" else read_tiff(path)


def _choose_size(stored: _Stored, like: Volume | None, given: Triple | None) -> tuple[Any, tuple[str, ...]]:
    """The voxel size, and what was assumed about it."""
    if given is not None:
        said = "nothing" if stored.voxel_size is None else _show(stored.voxel_size)
        return given, (f"voxel size {_show(given)} nm as given; the file says {said}",)
    if stored.voxel_size is not None:
        return stored.voxel_size, ()
    if like is not None:
        return like.voxel_size, (
            f"voxel size {_show(like.voxel_size)} nm taken from {like.name or 'the segmentation'}",
        )
    why = stored.problem or "attribute `resolution`"
    raise MissingVoxelSize(
        f"{stored.name} does not say how large its voxels are ({why}). Pass --voxel-size Z,Y,X in nm, "
        "e.g. --voxel-size 40,4,4 (in Python: voxel_size=(40, 4, 4))."
    )


def _choose_offset(stored: _Stored, like: Volume | None, given: Triple | None) -> tuple[Any, tuple[str, ...]]:
    """The offset, and what was assumed about it."""
    if given is not None:
        said = "nothing" if stored.offset is None else _show(stored.offset)
        return given, (f"offset {_show(given)} nm as given; the file says {said}",)
    if stored.offset is not None:
        return stored.offset, ()
    if stored.voxel_size is None and like is not None and any(like.offset):
        return like.offset, (f"offset {_show(like.offset)} nm taken from {like.name or 'the segmentation'}",)
    return (0.0, 0.0, 0.0), ()


def _show(triple: Any) -> str:
    values = np.ravel(triple)
    return ",".join(f"{value:g}" if values.dtype.kind in "iuf" else str(value) for value in values)


def _attributes(volume: Volume) -> dict[str, Any]:
    return {"resolution": volume.voxel_size, "offset": volume.offset}
