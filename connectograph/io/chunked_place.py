"""Where a chunked volume lies in space: named axes, units and transformations to voxel size and offset in nm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from connectograph.errors import InputError
from connectograph.io.files import redact
from connectograph.volumes import Triple

__all__ = ["StoredArray", "name_array", "name_axes", "place_array"]

_NANOMETRES = {
    ("angstrom", "å", "Å"): 0.1,
    ("picometer", "picometre", "pm"): 1e-3,
    ("nanometer", "nanometre", "nanometers", "nm"): 1.0,
    ("micrometer", "micrometre", "micrometers", "micron", "um", "µm", "μm"): 1e3,
    ("millimeter", "millimetre", "mm"): 1e6,
    ("centimeter", "centimetre", "cm"): 1e7,
    ("meter", "metre", "m"): 1e9,
}
_FACTORS = {name: factor for names, factor in _NANOMETRES.items() for name in names}


class StoredArray(NamedTuple):
    """An array in a store, and what its metadata say about it.

    `axes` are the names of its axes in tensorstore's order, () if nothing says them; voxel size and offset are
    (z, y, x) in nm, None if nothing says them, and `problem` is then why. `box` cuts (z, y, x) voxels out of it;
    `label` is what to call it, if not by its path.
    """

    driver: str
    path: str
    axes: tuple[str, ...] = ()
    voxel_size: Triple | None = None
    offset: Triple | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()
    scale_key: str | None = None
    label: str = ""
    box: tuple[tuple[int, int], ...] | None = None


def name_array(location: str, array: StoredArray) -> str:
    """``STORE:DATASET``, without credentials."""
    inside = array.scale_key or array.label or array.path
    return redact(location) + (f":{inside}" if inside else "")


def name_axes(names: Any, where: str) -> tuple[str, ...]:
    """Axis names in one form, z, y and x each once among them; () if there are none.

    Examples
    --------
    >>> name_axes([{"name": "T", "type": "time"}, {"name": "Z"}, "y", "x"], "a.zarr"), name_axes(None, "a.zarr")
    (('t', 'z', 'y', 'x'), ())
    """
    if not isinstance(names, Sequence) or isinstance(names, str):
        return ()
    plain = tuple(str(name.get("name") if isinstance(name, Mapping) else name).lower() for name in names)
    if any(name not in "zyx" for name in plain) and not set("zyx") & set(plain):
        return ()  # dim_0, dim_1, ...: names that say nothing
    if sorted(name for name in plain if name in ("z", "y", "x")) != ["x", "y", "z"]:
        raise InputError(f"{where} has the axes {', '.join(plain)}; expected z, y and x among them, each once.")
    return plain


def place_array(
    axes: Sequence[str], scale: Any, translation: Any, units: Any, where: str
) -> tuple[Triple | None, Triple | None, str]:
    """Voxel size and offset (z, y, x) in nm, and what is unknown about them.

    Parameters
    ----------
    axes : sequence of str
        Names of the axes, in the order of the values.
    scale, translation : sequence of numbers, or None
    units : sequence of str or None, or one for all axes
    where : str
        For messages.

    Returns
    -------
    voxel_size, offset : tuple of 3 floats, or None
    problem : str

    Examples
    --------
    >>> place_array("xyz", (4, 4, 0.04), (8, 0, 2), ("nm", "nm", "micrometer"), "a.n5")
    ((40.0, 4.0, 4.0), (2000.0, 0.0, 8.0), '')
    >>> place_array("zyx", (1, 1, 1), None, "parsec", "a.zarr")
    (None, None, "its axis z is in 'parsec'")
    """
    if scale is None:
        return None, None, ""
    by_axis = [units] * len(axes) if units is None or isinstance(units, str) else list(units)
    values = _numbers(scale, axes, f"{where}: scale")
    starts = _numbers(translation, axes, f"{where}: translation") if translation is not None else [0.0] * len(axes)
    size, place = [], []
    for name in "zyx":
        index = list(axes).index(name)
        unit = by_axis[index] if index < len(by_axis) else None
        factor = _FACTORS.get(str(unit).strip(), _FACTORS.get(str(unit).strip().lower()))
        if factor is None:
            return None, None, f"its axis {name} " + ("has no unit" if unit is None else f"is in {unit!r}")
        size.append(_exact(values[index] * factor))
        place.append(_exact(starts[index] * factor))
    offset = None if translation is None else (place[0], place[1], place[2])
    return (size[0], size[1], size[2]), offset, ""


def _numbers(values: Any, axes: Sequence[str], what: str) -> list[float]:
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != len(axes) or not all(math.isfinite(number) for number in numbers):
        raise InputError(f"{what} is {values!r}; expected {len(axes)} numbers, one for each axis ({', '.join(axes)}).")
    return numbers


def _exact(value: float) -> float:
    """0.004 micrometres are 4 nm, not 4.000000000000001."""
    return float(f"{value:.12g}")
