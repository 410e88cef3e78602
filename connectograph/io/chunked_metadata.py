"""What the metadata of Zarr and N5 volumes say: which array to read, its axes, units and place.

Zarr v2 and v3 as plain arrays (attributes `resolution` and `offset`, or dimension names) and as OME-NGFF multiscale
groups; N5 with `resolution`, `pixelResolution` and `downsamplingFactors`. N5 counts its axes x, y, z.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from connectograph.errors import InputError
from connectograph.io.chunked_layers import describe_layer, describe_scale
from connectograph.io.chunked_place import StoredArray, name_axes, place_array
from connectograph.io.hdf5_access import CREMI_DATASETS
from connectograph.io.stores import Reader, join_path

__all__ = ["find_array"]

_CODECS = {
    *("blosc", "bz2", "gzip", "zlib", "zstd"),  # of Zarr v2
    *("bytes", "crc32c", "endian", "sharding_indexed", "transpose"),  # of Zarr v3
    *("zarr.codecs.zlib", "numcodecs.zlib", "numcodecs.bz2"),
}
"""What a chunk may be packed with; others could run code or make objects."""

_LISTED = 20


def find_array(read: Reader, dataset: str | None, role: str | None, where: str, folder: str | None) -> StoredArray:
    """The array that a name stands for, with its place.

    Parameters
    ----------
    read : callable
        From :func:`~connectograph.io.stores.store_reader`.
    dataset : str or None
        An array or multiscale group inside the store; for precomputed volumes the key of a scale, for webKnossos a
        layer, or ``LAYER/MAG``.
    role : str or None
        Where no dataset is named and the store is no volume itself: the dataset of the CREMI layout to look for.
    where : str
        For messages.
    folder : str or None
        The store's folder, where it is one of this machine, to list what it holds.

    Returns
    -------
    StoredArray

    Raises
    ------
    InputError
        If there is none, or a choice; if its metadata are damaged or unsafe.
    """
    info = read("info")
    if info is not None and "scales" in info:
        return describe_scale(info, dataset, where)
    layers = read("datasource-properties.json")
    if layers is not None and "dataLayers" in layers:
        return describe_layer(layers, dataset, where)
    if dataset is not None:
        found = _describe(read, join_path(where, dataset), where)
        if found is None:
            raise InputError(f"{where} has no volume {dataset}. {_describe_choice(read, folder, where)}")
        return found
    found = _describe(read, "", where) or _describe(read, CREMI_DATASETS[role or "segmentation"], where)
    if found is None:
        names = list(_list_arrays(read, folder)) if folder is not None else []
        if len(names) != 1 or role not in (None, "predicted"):
            kind = "a URL" if folder is None else "a folder"
            raise InputError(f"{where} is {kind} and no volume itself. {_describe_choice(read, folder, where)}")
        found = _describe(read, names[0], where)
    return found or StoredArray("", "")


def _describe(read: Reader, path: str, where: str) -> StoredArray | None:
    """The array at a path, or level 0 of the multiscale group there."""
    multiscale = _multiscale(read, path)
    if multiscale is not None:
        return _describe_level(read, path, multiscale, 0, where)
    array = _array_at(read, path, where)
    if array is None:
        level = next((f"{path}/{name}".strip("/") for name in ("s0", "data/s0") if _is_n5(read, path, name)), None)
        return None if level is None else _describe(read, level, where)
    for depth in range(path.count("/") + 1 if path else 0):
        parent, _, rest = _cut(path, depth)
        above = _multiscale(read, parent)
        for index, entry in enumerate(_levels(above)):
            if join_path(where, str(entry.get("path", ""))) == rest:
                return _describe_level(read, parent, above or {}, index, where)
    return array


def _cut(path: str, depth: int) -> tuple[str, str, str]:
    """A path after its first `depth` steps, and the rest."""
    steps = path.split("/")
    return "/".join(steps[:depth]), "/", "/".join(steps[depth:])


def _key(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _attributes(read: Reader, path: str) -> Mapping[str, Any]:
    """The attributes of a Zarr node, of either version."""
    node = read(_key(path, "zarr.json"))
    found = (node or {}).get("attributes") if node is not None else read(_key(path, ".zattrs"))
    return found if isinstance(found, Mapping) else {}


def _multiscale(read: Reader, path: str) -> Mapping[str, Any] | None:
    """The first OME-NGFF multiscale image of a group."""
    attributes = _attributes(read, path)
    ome = attributes.get("ome")
    images = (ome if isinstance(ome, Mapping) else attributes).get("multiscales")
    return images[0] if isinstance(images, list) and images and isinstance(images[0], Mapping) else None


def _levels(multiscale: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    levels = (multiscale or {}).get("datasets")
    return [level for level in levels if isinstance(level, Mapping)] if isinstance(levels, list) else []


def _describe_level(read: Reader, path: str, multiscale: Mapping[str, Any], index: int, where: str) -> StoredArray:
    """One level of an OME-NGFF image: its own transformations, then those of the whole image."""
    levels = _levels(multiscale)
    if not levels:
        raise InputError(f"{where}: the multiscale image {path or '/'} lists no datasets. Write it anew.")
    level = levels[index]
    array = _array_at(read, join_path(where, path, str(level.get("path", ""))), where)
    if array is None:
        raise InputError(f"{where}: the dataset {level.get('path')!r} of {path or '/'} is missing. Copy it again.")
    names = multiscale.get("axes")
    axes = name_axes(names, where)
    if not axes:
        return array
    scale, translation = _combine(_transform(level, where), _transform(multiscale, where), len(axes))
    units = [axis.get("unit") if isinstance(axis, Mapping) else None for axis in names or ()]
    size, offset, problem = place_array(axes, scale, translation, units, where)
    return array._replace(axes=axes, voxel_size=size, offset=offset, problem=problem)


def _transform(holder: Mapping[str, Any], where: str) -> tuple[Any, Any]:
    """Scale and translation of a list of OME-NGFF transformations."""
    steps = holder.get("coordinateTransformations") or []
    known = {step.get("type"): step for step in steps}
    odd = sorted(str(kind) for kind in known if kind not in ("scale", "translation", "identity"))
    if odd or any("path" in step for step in steps):
        raise InputError(f"{where} is placed by a transformation {odd or 'in a file'}; expected scale and translation.")
    return known.get("scale", {}).get("scale"), known.get("translation", {}).get("translation")


def _combine(inner: tuple[Any, Any], outer: tuple[Any, Any], n: int) -> tuple[Any, Any]:
    """Two transformations after each other, as one."""
    if outer == (None, None):
        return inner
    scale = [a * b for a, b in zip(inner[0] or [1] * n, outer[0] or [1] * n, strict=True)]
    moved = zip(inner[1] or [0] * n, outer[0] or [1] * n, outer[1] or [0] * n, strict=True)
    return scale, [start * factor + shift for start, factor, shift in moved]


def _array_at(read: Reader, path: str, where: str) -> StoredArray | None:
    """The array whose metadata lie at a path, with the place that its own attributes give it."""
    if (node := read(_key(path, "zarr.json"))) is not None and node.get("node_type") == "array":
        _check_codecs(node.get("codecs"), f"{where}:{path}")
        names = node.get("dimension_names")
        return _place_zarr(StoredArray("zarr3", path), _attributes(read, path), names, node.get("shape"), where)
    if (node := read(_key(path, ".zarray"))) is not None:
        filters = node.get("filters") or []
        _check_codecs([*filters, *([node["compressor"]] if node.get("compressor") else [])], f"{where}:{path}")
        attributes = _attributes(read, path)
        names = attributes.get("_ARRAY_DIMENSIONS")
        return _place_zarr(StoredArray("zarr", path), attributes, names, node.get("shape"), where)
    if _is_n5(read, path, ""):
        return _place_n5(read, path, where)
    return None


def _check_codecs(codecs: Any, where: str) -> None:
    """Refuse what is not known to unpack plain numbers."""
    for codec in codecs if isinstance(codecs, list) else []:
        name = codec.get("name", codec.get("id")) if isinstance(codec, Mapping) else codec
        if name not in _CODECS:
            raise InputError(
                f"{where} is refused: its chunks are packed with {name!r}, which is not known to unpack plain numbers. "
                "Where it was made, write the labels as integers with blosc, gzip or zstd."
            )
        inner = codec.get("configuration") if isinstance(codec, Mapping) else None
        if isinstance(inner, Mapping):
            _check_codecs([*(inner.get("codecs") or []), *(inner.get("index_codecs") or [])], where)


def _place_zarr(array: StoredArray, attributes: Mapping[str, Any], names: Any, shape: Any, where: str) -> StoredArray:
    """The place that a plain array's attributes give: `resolution` (or `voxel_size`) and `offset`, nm unless said."""
    axes = name_axes(names or attributes.get("axis_names"), where)
    scale = attributes.get("resolution", attributes.get("voxel_size"))
    order = axes or (("z", "y", "x") if isinstance(shape, list) and len(shape) == 3 else ())
    if scale is None or not order:
        return array._replace(axes=axes)
    if axes and isinstance(scale, list) and len(scale) == 3:
        order = tuple(name for name in axes if name in ("z", "y", "x"))
    units = attributes.get("units", "nm")
    size, offset, problem = place_array(order, scale, attributes.get("offset"), units, where)
    return array._replace(axes=axes, voxel_size=size, offset=offset, problem=problem)


def _is_n5(read: Reader, path: str, name: str) -> bool:
    attributes = read(_key(_key(path, name) if name else path, "attributes.json"))
    return attributes is not None and "dimensions" in attributes and "blockSize" in attributes


def _place_n5(read: Reader, path: str, where: str) -> StoredArray:
    """The place of an N5 dataset: its own attributes, else those of the nearest group above that has any."""
    own = read(_key(path, "attributes.json")) or {}
    steps = path.split("/") if path else []
    for depth in range(len(steps), -1, -1):
        attributes = read(_key("/".join(steps[:depth]), "attributes.json")) or {}
        if "pixelResolution" in attributes or "resolution" in attributes:
            break
    rest = ("c", "t") if len(own["dimensions"]) > 3 else ()
    array = StoredArray("n5", path, axes=("x", "y", "z", *rest)[: len(own["dimensions"])])
    # a list `axes` says in which order the other attributes count; the array itself is always x first
    axes = name_axes(attributes.get("axes"), where)[:3] or ("x", "y", "z")
    scale, units = _n5_resolution(attributes)
    factors = own.get("downsamplingFactors")
    if scale is not None and isinstance(factors, list) and len(factors) >= 3:
        by_axis = dict(zip("xyz", factors, strict=False))
        scale = [value * by_axis[name] for value, name in zip(scale, axes, strict=False)]
    size, offset, problem = place_array(axes, scale, attributes.get("offset"), units, where)
    note = ("resolution and offset counted x, y, z as in N5",) if scale is not None and axes == ("x", "y", "z") else ()
    return array._replace(voxel_size=size, offset=offset, problem=problem, notes=note)


def _n5_resolution(attributes: Mapping[str, Any]) -> tuple[Any, Any]:
    """Resolution and units: `pixelResolution` names its unit, `resolution` is nm unless `units` say otherwise."""
    pixel = attributes.get("pixelResolution")
    if isinstance(pixel, Mapping):
        return pixel.get("dimensions"), pixel.get("unit")
    if pixel is not None:
        return pixel, attributes.get("units")
    return attributes.get("resolution"), attributes.get("units", "nm")


def _describe_choice(read: Reader, folder: str | None, where: str) -> str:
    """What a store holds, and how to name it."""
    if folder is None:
        return (
            f"Name an array or multiscale group in it as FILE:DATASET, e.g. {where}:volumes/labels/neuron_ids; or "
            "check the address: nothing there says that it is a volume."
        )
    names = list(_list_arrays(read, folder))
    if not names:
        return (
            "It holds no Zarr array (.zarray, zarr.json), N5 dataset (attributes.json), precomputed volume (info) or "
            "webKnossos dataset (datasource-properties.json)."
        )
    return f"It holds: {', '.join(names)}. Name one as FILE:DATASET, e.g. {where}:{names[0]}."


def _list_arrays(read: Reader, folder: str) -> Iterator[str]:
    """Paths of the first arrays and multiscale groups in a folder; chunks are not looked at."""
    count = 0
    for here, folders, files in os.walk(folder):
        folders.sort()
        path = os.path.relpath(here, folder).replace(os.sep, "/").removeprefix(".")
        is_array = ".zarray" in files or (read(_key(path, "zarr.json")) or {}).get("node_type") == "array"
        if path and (is_array or _is_n5(read, path, "") or _multiscale(read, path) is not None):
            folders.clear()
            count += 1
            yield path
        if count == _LISTED:
            return
