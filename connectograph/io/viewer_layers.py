"""Volumes as viewers read them: neuroglancer precomputed, and webKnossos datasets (Zarr v3), through tensorstore.

Both count x, y, z, and number voxels from an origin that need not be the volume's corner. Chunks of background are
stored like any other, so that a missing one is known to be missing; voxels are written at full resolution.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from connectograph.io.chunked_write import as_os_error
from connectograph.io.files import write_atomic
from connectograph.io.hdf5_write import gather_chunks
from connectograph.io.stores import import_tensorstore
from connectograph.volumes import LazyLabels, Shape, Triple

__all__ = ["Layer", "write_precomputed", "write_webknossos"]

Labels = npt.NDArray[Any] | LazyLabels

_CHUNK: Shape = (32, 128, 128)
_SHARD: Shape = (32, 256, 256)
_INNER = 32
_SAFE_INTEGER = 2**53 - 1


class Layer(NamedTuple):
    """One volume of a viewer: voxels (z, y, x), and whether they are grey values or ids (then uint64)."""

    labels: Labels
    image: bool = False


def write_precomputed(folder: Path, layer: Layer, *, voxel_size: Triple, origin: Shape) -> None:
    """Write a layer as a neuroglancer precomputed volume of one scale.

    Parameters
    ----------
    folder : Path
        New.
    layer : Layer
    voxel_size : tuple of 3 floats
        (z, y, x) in nm.
    origin : tuple of 3 ints
        Number (z, y, x) of the first voxel.

    Raises
    ------
    InputError
        If tensorstore is not installed.
    OSError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     layer = Layer(np.ones((2, 3, 4), "uint64"))
    ...     write_precomputed(Path(folder, "a"), layer, voxel_size=(40.0, 4.0, 4.0), origin=(1, 0, 0))
    ...     json.loads(Path(folder, "a", "info").read_text())["scales"][0]["voxel_offset"]
    [0, 0, 1]
    """
    chunk = _fit(_CHUNK, layer.labels.shape)
    scale = {
        "size": list(layer.labels.shape[::-1]),
        "resolution": list(voxel_size[::-1]),
        "voxel_offset": list(origin[::-1]),
        "chunk_size": list(chunk[::-1]),
        "encoding": "raw",
    }
    if not layer.image:
        scale |= {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [8, 8, 8]}
    kind = "image" if layer.image else "segmentation"
    whole = {"type": kind, "data_type": np.dtype(layer.labels.dtype).name, "num_channels": 1}
    _fill(folder, "neuroglancer_precomputed", layer, chunk, origin, multiscale_metadata=whole, scale_metadata=scale)


def write_webknossos(
    folder: Path, layers: Mapping[str, Layer], *, name: str, voxel_size: Triple, origin: Shape
) -> None:
    """Write a webKnossos dataset: ``datasource-properties.json`` and a sharded Zarr v3 array for each layer.

    Parameters
    ----------
    folder : Path
        Exists, and is empty.
    layers : mapping of str to Layer
    name : str
        Of the dataset.
    voxel_size, origin
        As in :func:`write_precomputed`; no number of the origin is negative.

    Raises
    ------
    InputError
        If tensorstore is not installed.
    OSError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     layers = {"truth": Layer(np.full((2, 3, 4), 2**60 + 1, "uint64"))}
    ...     write_webknossos(Path(folder), layers, name="A", voxel_size=(40.0, 4.0, 4.0), origin=(1, 0, 0))
    ...     found = json.loads(Path(folder, "datasource-properties.json").read_text())
    >>> found["dataLayers"][0]["boundingBox"], found["dataLayers"][0]["largestSegmentId"]["value"]
    ({'topLeft': [0, 0, 1], 'width': 4, 'height': 3, 'depth': 2}, '1152921504606846977')
    """
    described = []
    for key, layer in layers.items():
        array = {
            "shape": [1, *np.add(layer.labels.shape, origin)[::-1].tolist()],
            "data_type": np.dtype(layer.labels.dtype).name,
            "dimension_names": ["c", "x", "y", "z"],
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, *_SHARD[::-1]]}},
            "codecs": _CODECS,
        }
        _write_group(folder / key)
        largest = _fill(folder / key / "1", "zarr3", layer, _SHARD, origin, metadata=array)
        described.append(_describe(key, layer, origin, largest))
    scale = {"factor": list(voxel_size[::-1]), "unit": "nanometer"}
    properties = {"id": {"name": name, "team": ""}, "scale": scale, "dataLayers": described, "version": 1}
    _write_group(folder)
    write_atomic(folder / "datasource-properties.json", json.dumps(properties, indent=2) + "\n")


_BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
_INDEX = [_BYTES, {"name": "crc32c"}]
_INSIDE = [
    {"name": "transpose", "configuration": {"order": [3, 2, 1, 0]}},
    _BYTES,
    {"name": "zstd", "configuration": {"level": 5, "checksum": True}},
]
_SHARDING = {"chunk_shape": [1, _INNER, _INNER, _INNER], "codecs": _INSIDE, "index_codecs": _INDEX}
_CODECS = [{"name": "sharding_indexed", "configuration": _SHARDING}]
"""As webKnossos writes its own: cubes of 32 voxels, many in a file."""


def _fill(folder: Path, driver: str, layer: Layer, chunk: Shape, origin: Shape, **metadata: Any) -> int:
    """Create an array of axes x, y, z (and channel) and write all voxels; returns the largest value."""
    ts = import_tensorstore()
    spec = {
        "driver": driver,
        "kvstore": {"driver": "file", "path": f"{folder.absolute()}/"},
        "context": {"cache_pool": {"total_bytes_limit": 0}},
        "store_data_equal_to_fill_value": True,
        **metadata,
    }
    largest = 0
    with as_os_error():
        store = ts.open(spec, create=True).result()
        view = store[ts.d["c" if driver == "zarr3" else "channel"][0]][ts.d["z", "y", "x"].transpose[:]]
    for start, voxels in gather_chunks(layer.labels, chunk if view.size else None):
        ends = [min(a + n, size) for a, n, size in zip(start, chunk, layer.labels.shape, strict=True)]
        whole = voxels[tuple(slice(0, b - a) for a, b in zip(start, ends, strict=True))]
        box = tuple(slice(a + o, b + o) for a, b, o in zip(start, ends, origin, strict=True))
        largest = largest if layer.image else max(largest, int(whole.max()))
        with as_os_error():
            view[box].write(np.ascontiguousarray(whole)).result()
    return largest


def _describe(name: str, layer: Layer, origin: Shape, largest: int) -> dict[str, Any]:
    """A layer in ``datasource-properties.json``."""
    depth, height, width = layer.labels.shape
    box = {"topLeft": list(origin[::-1]), "width": width, "height": height, "depth": depth}
    axes = {"c": 0, "x": 1, "y": 2, "z": 3}
    # numbers that JSON readers would round are written as webKnossos writes them
    exact = largest if largest <= _SAFE_INTEGER else {"customJsonEncoding": "bigint", "value": str(largest)}
    dtype = np.dtype(layer.labels.dtype).name
    return {
        "name": name,
        "category": "color" if layer.image else "segmentation",
        "boundingBox": box,
        "elementClass": "float" if dtype == "float32" else dtype,
        "numChannels": 1,
        "dataFormat": "zarr3",
        "mags": [{"mag": [1, 1, 1], "path": f"./{name}/1", "axisOrder": axes}],
        **({} if layer.image else {"largestSegmentId": exact}),
    }


def _write_group(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    node = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    write_atomic(folder / "zarr.json", json.dumps(node, indent=2) + "\n")


def _fit(chunk: Shape, shape: tuple[int, ...]) -> Shape:
    z, y, x = (max(1, min(pair)) for pair in zip(chunk, shape, strict=True))
    return z, y, x
