"""Into an HDF5 file, and no further: opening, finding datasets, refusing data that lie outside the file's folder.

HDF5 lets a file name other files to be read in its stead (external links, external raw storage, virtual datasets),
so a file from elsewhere could show any file of this machine as labels.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from connectograph.errors import InputError
from connectograph.io.sources import check_file, describe_start, read_start

__all__ = [
    "CREMI_DATASETS",
    "check_declared_size",
    "describe_datasets",
    "explain_damage",
    "find_dataset",
    "list_datasets",
    "open_hdf5",
    "resolve_dataset",
    "storage_bytes",
]

_LOCKED = ("unable to lock", "file locking")
"""In HDF5's messages: another process holds a lock, or this one has the file open without one."""

_TRUNCATED = re.compile(r"eof = (\d+),.*stored_eof = (\d+)")

_MAX_LINKS = 1000
"""Path components and soft links followed before a path is taken for a circle."""

_ORDINARY_BYTES = 2**40
_ORDINARY_RATIO = 100_000
"""A dataset may be larger than its file (compressed, or not all written), up to 1 TiB or this many times."""

CREMI_DATASETS = {
    "segmentation": "volumes/labels/neuron_ids",
    "truth": "volumes/labels/clefts",
    "predicted": "volumes/labels/clefts",
    "raw": "volumes/raw",
}
"""Where the CREMI layout keeps what."""


def open_hdf5(path: str) -> tuple[Any, tuple[str, ...]]:
    """Open a file for reading.

    Parameters
    ----------
    path : str

    Returns
    -------
    file : h5py.File
    notes : tuple of str
        What had to be assumed: that another process that holds a lock on the file does not change it meanwhile.

    Raises
    ------
    InputError
        If it is not there, empty, incomplete or not HDF5.
    """
    import h5py

    size = check_file(path)
    try:
        return h5py.File(path, "r"), ()
    except OSError as error:
        if not any(words in str(error) for words in _LOCKED):
            raise InputError(_explain(path, size, str(error))) from error
    try:
        return h5py.File(path, "r", locking=False), (f"{path} is locked by another process: read without a lock",)
    except OSError as error:
        raise InputError(
            f"{path} is being written by another process, and cannot be read yet ({error}). Wait until it is closed."
        ) from error


@contextmanager
def explain_damage(where: str, what: str = "its description") -> Iterator[None]:
    """Turn what HDF5 says about damaged content inside the block into an InputError that names the part."""
    try:
        yield
    except InputError:
        raise
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{where} is damaged: {what} cannot be read ({error}). Copy the file again (rsync --partial --checksum), "
            "or write it anew."
        ) from error


def find_dataset(path: str, role: str | None) -> str:
    """The dataset to read where none was named: the CREMI layout's, or the only three-dimensional one.

    Parameters
    ----------
    path : str
    role : {"segmentation", "truth", "predicted", "raw"} or None
        None looks for a segmentation. Only a prediction, or a volume without a role, may be the only dataset of its
        file whatever its name.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If there is none or a choice; the message lists the datasets.
    """
    default = CREMI_DATASETS[role or "segmentation"]
    file, _ = open_hdf5(path)
    with file, explain_damage(path):
        if resolve_dataset(file, default, path) is not None:
            return default
        found = list_datasets(file)
    volumes = [name for name, shape, _ in found if len(shape) == 3]
    if role in (None, "predicted") and len(volumes) == 1:
        return volumes[0]
    raise InputError(f"{path} has no dataset {default}. {describe_datasets(path, found)}")


def resolve_dataset(file: Any, name: str, where: str) -> Any:
    """The dataset of a name inside an open file, or None; a link that leaves the file is refused, not followed."""
    import h5py

    node, pending = file["/"], name.split("/")
    for _ in range(_MAX_LINKS):
        if not pending:
            return node if isinstance(node, h5py.Dataset) else None
        part = pending.pop(0)
        if part in ("", "."):
            continue
        link = _get_link(node, part, where) if isinstance(node, h5py.Group) else None
        if link is None:
            return None
        if isinstance(link, h5py.SoftLink):
            pending[:0] = link.path.split("/")
            node = file["/"] if link.path.startswith("/") else node
        else:
            node = node[part]
    raise InputError(f"{where}: the link {name} leads in a circle. Name the dataset itself as FILE:DATASET.")


def list_datasets(file: Any) -> list[tuple[str, tuple[int, ...], str]]:
    """Name, shape and type of the datasets of an open file, links not followed."""
    import h5py

    found: list[tuple[str, tuple[int, ...], str]] = []

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found.append((name, node.shape or (), str(node.dtype)))

    file.visititems(visit)
    return found


def describe_datasets(path: str, found: list[tuple[str, tuple[int, ...], str]]) -> str:
    """A sentence that lists the datasets and says how to name one.

    Examples
    --------
    >>> describe_datasets("a.h5", [("labels", (2, 3, 4), "uint64")])
    'It holds: labels (2, 3, 4) uint64. Name one as FILE:DATASET, e.g. a.h5:labels.'
    """
    if not found:
        return "It holds no datasets."
    volumes = [name for name, shape, _ in found if len(shape) == 3] or [found[0][0]]
    listed = ", ".join(f"{name} {shape} {dtype}" for name, shape, dtype in found[:20])
    return f"It holds: {listed}. Name one as FILE:DATASET, e.g. {path}:{volumes[0]}."


def storage_bytes(dataset: Any, where: str, folder: str, *, depth: int = 0) -> int:
    """Size of the files that hold a dataset's voxels, all of which must lie in a folder.

    Parameters
    ----------
    dataset : h5py.Dataset
    where : str
        ``file:dataset``, for the message.
    folder : str
        Real path of the folder of the file that the user named.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If the voxels lie in raw files outside HDF5, or a virtual dataset's source is outside the folder or missing.
    """
    if dataset.external:
        raise InputError(
            f"{where} is refused: its voxels are not in the file but in {dataset.external[0][0]!r}. Write the voxels "
            "themselves into the file, e.g. with h5repack."
        )
    size = os.path.getsize(dataset.file.filename)
    if not dataset.is_virtual:
        return size
    if depth > 8:
        raise InputError(f"{where} is refused: virtual datasets of virtual datasets, more than 8 deep.")
    sources = {(source.file_name, source.dset_name) for source in dataset.virtual_sources()}
    return size + sum(_source_bytes(dataset.file, file, name, where, folder, depth) for file, name in sorted(sources))


def check_declared_size(dataset: Any, where: str, stored: int) -> None:
    """Refuse a dataset that claims to be absurdly larger than the files that hold it."""
    declared = math.prod(dataset.shape) * np.dtype(dataset.dtype).itemsize
    if declared > max(_ORDINARY_BYTES, _ORDINARY_RATIO * stored):
        raise InputError(
            f"{where} declares shape {dataset.shape}, {declared:,} bytes, but its file has {stored:,} bytes: no "
            "compression reaches that. It is damaged or made to exhaust memory; write it again with its real shape."
        )


def _get_link(group: Any, name: str, where: str) -> Any:
    import h5py

    try:
        link = group.get(name, getlink=True)
    except TypeError:
        raise InputError(f"{where} is refused: {name} is a link of an unknown kind.") from None
    if isinstance(link, h5py.ExternalLink):
        raise InputError(
            f"{where} is refused: {name} is a link to {link.path!r} in another file, {link.filename!r}. "
            "Name that file itself, if you trust it."
        )
    return link


def _source_bytes(file: Any, name: str, dataset: str, where: str, folder: str, depth: int) -> int:
    path = file.filename if name == "." else os.path.realpath(os.path.join(folder, name))
    if "%" in name + dataset or os.path.commonpath([os.path.realpath(path), folder]) != folder:
        raise InputError(
            f"{where} is refused: it is a virtual dataset whose voxels are in {name!r}, outside its folder {folder}. "
            "Write the voxels themselves into the file, e.g. with h5repack."
        )
    source, _ = open_hdf5(path)
    with source, explain_damage(path):
        inner = resolve_dataset(source, dataset, where)
        if inner is None:
            raise InputError(f"{where} is a virtual dataset that needs {path}:{dataset}, which does not exist.")
        return storage_bytes(inner, where, folder, depth=depth + 1)


def _explain(path: str, size: int, error: str) -> str:
    """What h5py's message on opening a file means."""
    truncated = _TRUNCATED.search(error)
    if truncated:
        whole = int(truncated[2])
        return (
            f"{path} is incomplete: {size:,} of {whole:,} bytes ({100 * size / max(whole, 1):.0f} %). Copy it again "
            "(rsync --partial --checksum); or it is still being written: wait until that is finished."
        )
    if "signature not found" in error:
        return f"{path} is not HDF5: {describe_start(read_start(path))}."
    return f"{path} cannot be opened as HDF5 ({error}): it is damaged, or another program is writing it. Copy it again."
