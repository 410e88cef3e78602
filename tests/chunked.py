"""Copies of a volume in chunked formats, written by tensorstore with metadata made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore as ts

from connectograph.volumes import Volume

CHUNK = (4, 8, 16)


def put_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_array(driver: str, folder: Path, array: np.ndarray, *, offset: int = 0, **options: Any) -> None:
    """All chunks, those of background too."""
    spec = {
        "driver": driver,
        "kvstore": {"driver": "file", "path": f"{folder}/"},
        "store_data_equal_to_fill_value": True,
        **options,
    }
    shape = {} if driver == "neuroglancer_precomputed" else {"shape": array.shape}
    store = ts.open(spec, create=True, dtype=array.dtype.newbyteorder("="), **shape).result()
    store[...].write(array).result()


def ngff(volume: Volume, path: str, unit: str = "nanometer", factor: float = 1.0, **extra: Any) -> list[dict]:
    """The `multiscales` of an image of one level."""
    steps = [
        {"type": "scale", "scale": [size / factor for size in volume.voxel_size]},
        {"type": "translation", "translation": [start / factor for start in volume.offset]},
    ]
    axes = [{"name": name, "type": "space", "unit": unit} for name in "zyx"]
    return [{"axes": axes, "datasets": [{"path": path, "coordinateTransformations": steps}], **extra}]


def zarr2(volume: Volume, folder: Path, **metadata: Any) -> str:
    """An OME-NGFF 0.4 image."""
    write_array("zarr", folder / "0", np.asarray(volume.labels), metadata={"chunks": list(CHUNK), **metadata})
    put_json(folder / ".zgroup", {"zarr_format": 2})
    put_json(folder / ".zattrs", {"multiscales": ngff(volume, "0", version="0.4")})
    return str(folder)


def zarr3(volume: Volume, folder: Path, **metadata: Any) -> str:
    """An OME-NGFF 0.5 image in shards of 2 x 2 x 2 chunks."""
    shard = [2 * size for size in CHUNK]
    inner = {"chunk_shape": list(CHUNK), "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]}
    codecs = [{"name": "sharding_indexed", "configuration": inner}]
    grid = {"name": "regular", "configuration": {"chunk_shape": shard}}
    array = np.asarray(volume.labels)
    write_array("zarr3", folder / "0", array, metadata={"chunk_grid": grid, "codecs": codecs, **metadata})
    attributes = {"ome": {"version": "0.5", "multiscales": ngff(volume, "0")}}
    put_json(folder / "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": attributes})
    return str(folder)


def n5(volume: Volume, folder: Path) -> str:
    """A multiscale group s0 with resolution and offset, x first."""
    array = np.asarray(volume.labels).transpose()
    metadata = {"blockSize": list(CHUNK[::-1]), "compression": {"type": "gzip"}}
    write_array("n5", folder / "s0", array, metadata=metadata)
    put_json(folder / "attributes.json", {"resolution": volume.voxel_size[::-1], "offset": volume.offset[::-1]})
    return str(folder)


def precomputed(volume: Volume, folder: Path, *, sharded: bool = False) -> str:
    """A segmentation in blocks of compressed ids."""
    array = np.asarray(volume.labels).transpose()[..., None]
    start = np.divide(volume.offset, volume.voxel_size)[::-1]
    scale: dict[str, Any] = {
        "size": list(array.shape[:3]),
        "resolution": list(volume.voxel_size[::-1]),
        "voxel_offset": [round(value) for value in start],
        "chunk_size": list(CHUNK[::-1]),
        "encoding": "raw",
    }
    if array.dtype in (np.uint32, np.uint64):
        scale |= {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [8, 8, 4]}
    if sharded:
        scale["sharding"] = {
            "@type": "neuroglancer_uint64_sharded_v1", "hash": "murmurhash3_x86_128",
            "preshift_bits": 1, "minishard_bits": 1, "shard_bits": 2,
            "minishard_index_encoding": "gzip", "data_encoding": "gzip",
        }  # fmt: skip
    whole = {"type": "segmentation", "data_type": array.dtype.name, "num_channels": 1}
    write_array("neuroglancer_precomputed", folder, array, multiscale_metadata=whole, scale_metadata=scale)
    return str(folder)


def sharded_precomputed(volume: Volume, folder: Path) -> str:
    return precomputed(volume, folder, sharded=True)


def webknossos(volume: Volume, folder: Path) -> str:
    """A dataset with one segmentation layer, whose array begins before its bounding box."""
    start = [round(value) for value in np.divide(volume.offset, volume.voxel_size)]
    inside = tuple(slice(a, a + size) for a, size in zip(start, volume.shape, strict=True))
    array = np.full([part.stop + 3 for part in inside], 9, volume.dtype)
    array[inside] = volume.labels
    grid = {"name": "regular", "configuration": {"chunk_shape": [1, *CHUNK[::-1]]}}
    write_array("zarr3", folder / "segmentation" / "1", array.transpose()[None], metadata={"chunk_grid": grid})
    x, y, z = volume.shape[::-1]
    layer = {
        "name": "segmentation",
        "category": "segmentation",
        "dataFormat": "zarr3",
        "boundingBox": {"topLeft": start[::-1], "width": x, "height": y, "depth": z},
        "mags": [{"mag": [1, 1, 1], "path": "./segmentation/1", "axisOrder": {"c": 0, "x": 1, "y": 2, "z": 3}}],
    }
    scale = {"factor": [size / 1000 for size in volume.voxel_size[::-1]], "unit": "micrometer"}
    put_json(folder / "datasource-properties.json", {"dataLayers": [layer], "scale": scale})
    return str(folder)


WRITERS = {
    "zarr2": zarr2,
    "zarr3": zarr3,
    "n5": n5,
    "precomputed": precomputed,
    "sharded precomputed": sharded_precomputed,
    "webknossos": webknossos,
}
