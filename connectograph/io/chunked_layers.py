"""What the metadata of neuroglancer precomputed volumes and webKnossos datasets say; both count x, y, z."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectograph.errors import InputError
from connectograph.io.chunked_place import StoredArray, place_array
from connectograph.io.stores import join_path

__all__ = ["describe_layer", "describe_scale"]

_DRIVERS = {"zarr3": "zarr3", "zarr": "zarr", "n5": "n5", "wkw": "wkw"}
"""webKnossos' names of formats, and tensorstore's; wkw is not read through tensorstore."""


def describe_scale(info: Mapping[str, Any], key: str | None, where: str) -> StoredArray:
    """One scale of a precomputed volume, the first unless its key is named.

    Parameters
    ----------
    info : mapping
        The file `info`.
    key : str or None
    where : str
        For messages.

    Returns
    -------
    StoredArray

    Raises
    ------
    InputError
        If there is no such scale, or it lies elsewhere.

    Examples
    --------
    >>> scale = {"key": "8_8_40", "resolution": [8, 8, 40], "size": [5, 6, 7], "voxel_offset": [1, 0, 2]}
    >>> found = describe_scale({"scales": [scale]}, None, "seg")
    >>> found.voxel_size, found.offset
    ((40.0, 8.0, 8.0), (80.0, 0.0, 8.0))
    """
    scales = [scale for scale in info["scales"] if isinstance(scale, Mapping) and "key" in scale]
    keys = [str(scale["key"]) for scale in scales]
    if not scales or (key is not None and key not in keys):
        listed = ", ".join(keys) or "none"
        raise InputError(f"{where} has no scale {key or 'at all'}. Its scales are: {listed}. Name one as FILE:SCALE.")
    scale = scales[keys.index(key) if key is not None else 0]
    name = str(scale["key"])
    join_path(where, name)  # a key may lead out of the folder
    start = scale.get("voxel_offset", (0, 0, 0))
    size, origin, problem = place_array("xyz", scale.get("resolution"), start, "nm", where)
    offset = None if size is None or origin is None else _scaled(origin, size)
    return StoredArray(
        "neuroglancer_precomputed",
        "",
        axes=("x", "y", "z", "channel"),
        voxel_size=size,
        offset=offset,
        problem=problem,
        scale_key=name,
    )


def describe_layer(properties: Mapping[str, Any], dataset: str | None, where: str) -> StoredArray:
    """One layer of a webKnossos dataset, cut to its bounding box.

    Parameters
    ----------
    properties : mapping
        The file `datasource-properties.json`.
    dataset : str or None
        ``LAYER`` or ``LAYER/MAG``, e.g. ``segmentation/2-2-1``; needed if there are several segmentation layers.
    where : str
        For messages.

    Returns
    -------
    StoredArray

    Raises
    ------
    InputError
        If there is no such layer, or it is stored in a format that is not read.
    """
    layer, wanted = _choose_layer(properties, dataset, where)
    name, form = str(layer.get("name")), str(layer.get("dataFormat"))
    if form not in _DRIVERS:
        raise InputError(
            f"{where}:{name} is stored as {form!r}; webKnossos layers are read as {', '.join(_DRIVERS)}. Convert it: "
            f"webknossos copy-dataset --data-format zarr3 {where} NEW."
        )
    listed_mags = layer.get("mags") or layer.get("wkwResolutions") or ()  # the name of old datasets
    mags = [mag for mag in listed_mags if isinstance(mag, Mapping)]
    factors = [_factors(mag.get("mag", mag.get("resolution"))) for mag in mags]
    wanted_factors = (1, 1, 1) if wanted is None else _factors(wanted)
    if wanted_factors not in factors:
        listed = ", ".join("-".join(map(str, mag)) for mag in factors)
        raise InputError(f"{where}:{name} has no magnification {wanted or '1'}. It has: {listed}.")
    mag = mags[factors.index(wanted_factors)]
    path = join_path(where, str(mag.get("path") or f"{name}/{wanted or '1'}"))
    return _place_layer(
        properties,
        layer,
        mag,
        StoredArray(_DRIVERS[form], path, label=f"{name}/{wanted or '1'}"),
        wanted_factors,
        where,
    )


def _place_layer(
    properties: Mapping[str, Any],
    layer: Mapping[str, Any],
    mag: Mapping[str, Any],
    array: StoredArray,
    factors: tuple[int, int, int],
    where: str,
) -> StoredArray:
    """Axes, voxel size and bounding box of a layer at a magnification."""
    order = mag.get("axisOrder") or {"c": 0, "x": 1, "y": 2, "z": 3}
    axes = tuple(sorted(order, key=lambda axis: int(order[axis])))
    scale = properties.get("scale")
    named = scale if isinstance(scale, Mapping) else {"factor": scale, "unit": "nanometer"}
    base, _, problem = place_array("xyz", named.get("factor"), None, named.get("unit"), where)
    box = layer.get("boundingBox") or {}
    top = [int(start) for start in box.get("topLeft", (0, 0, 0))]
    extent = [int(box[side]) for side in ("width", "height", "depth")] if "width" in box else None
    cut = None
    if extent is not None:
        ends = [-(-(start + size) // factor) for start, size, factor in zip(top, extent, factors, strict=True)]
        starts = [start // factor for start, factor in zip(top, factors, strict=True)]
        cut = tuple(zip(starts, ends, strict=True))[::-1]
    if base is None:
        return array._replace(axes=axes, box=cut, problem=problem)
    size = _scaled((factors[2], factors[1], factors[0]), base)
    first = [start for start, _ in cut] if cut else [0, 0, 0]
    offset = _scaled((first[0], first[1], first[2]), size)
    return array._replace(axes=axes, box=cut, voxel_size=size, offset=offset)


def _choose_layer(
    properties: Mapping[str, Any], dataset: str | None, where: str
) -> tuple[Mapping[str, Any], str | None]:
    """The layer that is named, or the only segmentation; and the magnification that is named."""
    layers = {str(layer.get("name")): layer for layer in properties["dataLayers"] if isinstance(layer, Mapping)}
    name, _, mag = (dataset or "").partition("/")
    segmentations = [key for key, layer in layers.items() if layer.get("category") == "segmentation"]
    if not name and len(segmentations) == 1:
        name = segmentations[0]
    if name not in layers:
        wanted = f"no layer {name}" if name else f"{len(segmentations)} segmentation layers"
        raise InputError(f"{where} has {wanted}. Its layers are: {', '.join(layers)}. Name one as FILE:LAYER.")
    return layers[name], mag or None


def _factors(mag: Any) -> tuple[int, int, int]:
    """A magnification (x, y, z), as webKnossos writes it: 2, [2, 2, 1] or 2-2-1; (0, 0, 0) if it is none.

    Examples
    --------
    >>> _factors("2-2-1"), _factors(4), _factors([1, 1, 1])
    ((2, 2, 1), (4, 4, 4), (1, 1, 1))
    """
    parts = list(mag) if isinstance(mag, list) else str(mag).split("-")
    numbers = [int(part) for part in parts if str(part).isdecimal()]
    if len(numbers) == 1:
        numbers *= 3
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 and min(numbers) > 0 else (0, 0, 0)


def _scaled(values: tuple[float, float, float], by: tuple[float, float, float]) -> tuple[float, float, float]:
    z, y, x = (float(value) * factor for value, factor in zip(values, by, strict=True))
    return z, y, x
