"""Volumes to Zarr v3 with OME-NGFF 0.5 metadata, chunk by chunk, through tensorstore.

The whole is written beside its place and renamed: a reader sees a finished volume or none. Chunks of background are
stored like any other, so that a missing one is known to be missing.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.io.files import TEMPORARY, explain_write_error, write_atomic
from connectograph.io.hdf5_write import gather_chunks
from connectograph.io.lazy import make_box
from connectograph.io.stores import import_tensorstore, join_path
from connectograph.volumes import LazyLabels, Shape

__all__ = ["as_os_error", "replacing_folder", "write_zarr"]

Labels = npt.NDArray[Any] | LazyLabels

_CHUNK: Shape = (32, 128, 128)
_LEVEL = "0"
_ERRNO = re.compile(r"OS error (\d+)")


def write_zarr(
    path: str, labels: Labels, attributes: Mapping[str, Any], *, dataset: str = "", overwrite: bool = False
) -> None:
    """Write a volume as an OME-NGFF image of one level: the whole store, or one group of it.

    Parameters
    ----------
    path : str
        The store.
    labels : (Z, Y, X) array or LazyLabels
        Read block by block.
    attributes : mapping
        `resolution` and `offset` (z, y, x; nm), if they are known.
    dataset : str
        Group inside the store, added to what it holds; "" is the store itself.
    overwrite : bool
        Replace the volume, if there is one.

    Raises
    ------
    InputError
        If it exists already, is no Zarr store, or there is no room.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_zarr(f"{folder}/a.zarr", np.ones((2, 3, 4), "uint64"), {"resolution": (40, 4, 4)})
    ...     sorted(os.listdir(f"{folder}/a.zarr"))
    ['0', 'zarr.json']
    """
    import_tensorstore()
    store, inside = Path(path), join_path(path, dataset)
    target = store / inside
    _refuse_existing(store, target, overwrite)
    for folder in reversed([target, *target.parents][1 : len(Path(inside).parts) + 1]):
        _make_group(folder)
    with replacing_folder(target) as temporary:
        _write_array(temporary / _LEVEL, labels)
        _write_json(temporary / "zarr.json", {"ome": _describe_image(attributes)})


def _refuse_existing(store: Path, target: Path, overwrite: bool) -> None:
    """Only a Zarr node is replaced, and nothing is added to a folder that is no Zarr store."""
    nodes = ("zarr.json", ".zgroup", ".zarray")
    for folder in {store, target}:
        if folder.exists() and not any((folder / node).is_file() for node in nodes):
            raise InputError(f"{folder} exists, and is no Zarr store: it is not touched. Name another to write to.")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists already. Pass --overwrite (overwrite=True) to replace it, or name another.")
    if target != store and store.exists() and not (store / "zarr.json").is_file():
        raise InputError(f"{store} is a Zarr v2 store; a group of Zarr v3 cannot be added. Name another to write to.")


def _make_group(folder: Path) -> None:
    """A group on the way to the one that is written, unless it is there."""
    if not (folder / "zarr.json").is_file():
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise explain_write_error(error, folder, 1) from error
        _write_json(folder / "zarr.json", {})


def _write_json(path: Path, attributes: Mapping[str, Any]) -> None:
    node = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    write_atomic(path, json.dumps(node, indent=2) + "\n")


def _describe_image(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The OME-NGFF metadata; a volume of unknown voxel size has axes without a unit."""
    known = attributes.get("resolution") is not None
    scale = [float(value) for value in attributes["resolution"]] if known else [1.0, 1.0, 1.0]
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if known and attributes.get("offset") is not None:
        steps.append({"type": "translation", "translation": [float(value) for value in attributes["offset"]]})
    unit = {"unit": "nanometer"} if known else {}
    axes = [{"name": name, "type": "space", **unit} for name in "zyx"]
    level = {"path": _LEVEL, "coordinateTransformations": steps}
    return {"version": "0.5", "multiscales": [{"name": "volume", "axes": axes, "datasets": [level]}]}


def _write_array(folder: Path, labels: Labels) -> None:
    ts = import_tensorstore()
    dtype = np.dtype(labels.dtype).newbyteorder("=")
    z, y, x = (max(1, min(pair)) for pair in zip(_CHUNK, labels.shape, strict=True))
    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": f"{folder.absolute()}/"},
        "context": {"cache_pool": {"total_bytes_limit": 0}},
        "store_data_equal_to_fill_value": True,
        "metadata": {
            "shape": list(labels.shape),
            "data_type": dtype.name,
            "dimension_names": ["z", "y", "x"],
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [z, y, x]}},
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "zstd", "configuration": {"level": 3}},
            ],
        },
    }
    with as_os_error():
        store = ts.open(spec, create=True).result()
    for origin, chunk in gather_chunks(labels, (z, y, x) if store.size else None):
        shape = [min(size, end - start) for size, end, start in zip(chunk.shape, labels.shape, origin, strict=True)]
        whole = chunk[: shape[0], : shape[1], : shape[2]].astype(dtype, copy=False)
        with as_os_error():
            store[make_box(origin, shape)].write(whole).result()


@contextmanager
def as_os_error() -> Iterator[None]:
    """tensorstore's failure to write as the system's error that caused it."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        number = _ERRNO.search(str(error))
        code = int(number[1]) if number else errno.ENOSPC if "No space left" in str(error) else 0
        raise OSError(code, os.strerror(code) if code else str(error)) from error


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """A new folder that takes the place of `target` if the block succeeds, and is removed if not."""
    temporary = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
    old = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
    try:
        temporary.mkdir()
        yield temporary
        if target.exists():
            os.replace(target, old)
        os.replace(temporary, target)
    except OSError as error:
        if old.exists() and not target.exists():
            os.replace(old, target)
        raise explain_write_error(error, target, 1) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
