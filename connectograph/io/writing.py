"""Volumes into files: a whole new file takes the place of the old one, or the old one stays."""

from __future__ import annotations

import math
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.io.files import TEMPORARY, explain_write_error
from connectograph.io.hdf5_access import CREMI_DATASETS, explain_damage, open_hdf5, resolve_dataset
from connectograph.io.lazy import refuse_dtype
from connectograph.io.sources import format_of
from connectograph.volumes import LazyLabels

__all__ = ["Contents", "replacing", "write_labels"]

Labels = npt.NDArray[Any] | LazyLabels
Contents = Mapping[str, tuple[Labels, Mapping[str, Any]]]
"""By dataset name ("" is that of a segmentation): voxels and attributes."""


def write_labels(path: str, contents: Contents, overwrite: bool) -> None:
    """Write datasets to the file of one format.

    Parameters
    ----------
    path : str
        The name's ending says the format; in HDF5 datasets are added to those that are there.
    contents : mapping of str to (labels, attributes)
        More than one only for HDF5; attributes for HDF5 and Zarr.
    overwrite : bool
        Replace the file, or the datasets in it.

    Raises
    ------
    InputError
        If something would be replaced that must not be, the format is unknown, or there is no room.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_labels(f"{folder}/a.npy", {"": (np.ones((2, 3, 4), "uint64"), {})}, overwrite=False)
    ...     os.listdir(folder)
    ['a.npy']
    """
    for labels, _ in contents.values():
        _refuse_input(path, labels)
        refuse_dtype(np.dtype(labels.dtype), path)
    if format_of(path) == "HDF5":
        _write_hdf5(path, {name or CREMI_DATASETS["segmentation"]: item for name, item in contents.items()}, overwrite)
        return
    ((dataset, (labels, attributes)),) = contents.items()
    if format_of(path) == "Zarr":
        from connectograph.io.chunked_write import write_zarr

        write_zarr(path, labels, attributes, dataset=dataset, overwrite=overwrite)
        return
    write = _writer_of(path)
    if dataset not in ("", CREMI_DATASETS["segmentation"]):
        raise InputError(f"{path} cannot hold a dataset {dataset!r}: only HDF5 has datasets. Name the file alone.")
    if os.path.exists(path) and not overwrite:
        raise InputError(f"{path} exists already. Pass --overwrite (overwrite=True) to replace it, or name another.")
    with replacing(Path(path), math.prod(labels.shape) * labels.dtype.itemsize) as temporary:
        write(temporary, labels)


def _writer_of(path: str) -> Callable[[str, Labels], None]:
    from connectograph.io.arrays import write_npy, write_npz, write_tiff

    writers = {".npy": write_npy, ".npz": write_npz, "TIFF": write_tiff}
    form = format_of(path)
    if form not in writers:
        raise InputError(
            f"{path} cannot be written: expected a name ending in .hdf, .h5, .npy, .npz or .tif; or .zarr."
        )
    return writers[form]


def _write_hdf5(path: str, contents: Contents, overwrite: bool) -> None:
    """Add datasets to a copy of the file, if there is one, and put that in its place."""
    from connectograph.io.hdf5_write import write_hdf5

    exists = os.path.exists(path)
    if exists:
        file, _ = open_hdf5(path)
        with file, explain_damage(path):
            for name in contents:
                resolve_dataset(file, name, f"{path}:{name}")  # refuses a way through a link into another file
            present = [name for name in contents if name in file]
        if present and not overwrite:
            raise InputError(
                f"{path}:{present[0]} exists already. Pass --overwrite (overwrite=True) to replace it, or name another."
            )
    with replacing(Path(path)) as temporary:
        if exists:
            shutil.copyfile(path, temporary)
        write_hdf5(temporary, contents)


def _refuse_input(path: str, labels: Any) -> None:
    source = getattr(labels, "path", None) or getattr(labels, "filename", None)
    if source and os.path.exists(path) and os.path.samefile(source, path):
        raise InputError(f"{path} is the file that the volume is read from. Name another file to write to.")
    if hasattr(labels, "labels"):
        _refuse_input(path, labels.labels)


@contextmanager
def replacing(path: Path, n_bytes: int = 0) -> Iterator[str]:
    """The name of a new file that takes the place of `path` if the block succeeds, and is removed if not."""
    temporary = path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}{path.suffix}")
    try:
        yield str(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        size = temporary.stat().st_size if temporary.exists() else 0
        raise explain_write_error(_plain(error), path, max(n_bytes, size)) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _plain(error: Exception) -> OSError:
    """The system's error inside one of HDF5's, whose messages run over several lines."""
    number = re.search(r"errno = (\d+)", str(error))
    code = int(number[1]) if number else getattr(error, "errno", None) or 0
    return OSError(code, os.strerror(code) if code else str(error))
