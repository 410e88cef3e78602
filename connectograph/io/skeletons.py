"""Skeletons of neurons in SWC files.

Conventions: positions become (z, y, x) in nm. SWC does not say its unit, so whoever reads it must.

Functions: :func:`read_skeletons`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.volumes import Triple

__all__ = ["Skeleton", "read_skeletons"]

_SCALES: dict[str, Triple] = {"nm": (1.0, 1.0, 1.0), "um": (1000.0, 1000.0, 1000.0)}
_COLUMNS = "id, type, x, y, z, radius, parent"


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A neuron as a tree, or several trees, of points.

    Attributes
    ----------
    name : str
    nodes : (N, 3) array of float64
        (z, y, x) in nm.
    parents : (N,) array of int64
        Position of each node's parent in `nodes`; -1 of a root.
    """

    name: str
    nodes: npt.NDArray[np.float64]
    parents: npt.NDArray[np.int64]


def read_skeletons(path: str | Path, *, units: str | Triple) -> list[Skeleton]:
    """Read an SWC file, or all those in a folder: one file, one neuron.

    Parameters
    ----------
    path : str or Path
        A file, or a folder of which every ``*.swc`` is read, by name.
    units : {"nm", "um"} or tuple of 3 floats
        Of the positions; for positions in voxels the voxel size (z, y, x) in nm.

    Returns
    -------
    list of Skeleton

    Raises
    ------
    InputError
        If there is no SWC file, a line is none of SWC, an id occurs twice, or a parent does not exist.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "neuron.swc")
    >>> _ = file.write_text("# a neuron\\n1 0 0 0 0 1 -1\\n2 0 8 0 40 1 1\\n")
    >>> read_skeletons(file, units="nm")[0].nodes.tolist()
    [[0.0, 0.0, 0.0], [40.0, 0.0, 8.0]]
    """
    scale = _SCALES.get(units) if isinstance(units, str) else units
    if scale is None or len(scale) != 3 or not all(0 < step < float("inf") for step in scale):
        raise InputError(f"unit of the skeletons is {units!r}; expected 'nm', 'um' or a voxel size (z, y, x) in nm.")
    place = Path(path)
    files = sorted(place.glob("*.swc")) if place.is_dir() else [place]
    if not files:
        raise InputError(f"{place} holds no .swc file; expected one file for each skeleton.")
    return [_read_swc(file, scale) for file in files]


def _read_swc(file: Path, scale: Triple) -> Skeleton:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read as SWC: {error}; expected a text file of lines {_COLUMNS}.") from error
    rows = [(n, line.split()) for n, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")]
    nodes: list[Triple] = []
    ids: dict[int, int] = {}
    parents: list[tuple[int, int]] = []
    for n, words in rows:
        node, place, parent = _read_line(words, f"{file}, line {n}")
        if node in ids:
            raise InputError(f"{file}, line {n}: node {node} occurs twice; each node has an id of its own.")
        ids[node] = len(nodes)
        nodes.append(place)
        parents.append((n, parent))
    unknown = [(n, parent) for n, parent in parents if parent != -1 and parent not in ids]
    if unknown:
        n, parent = unknown[0]
        raise InputError(f"{file}, line {n}: parent {parent} is no node of the file; a root has parent -1.")
    return Skeleton(
        file.stem,
        np.array(nodes, float).reshape(-1, 3) * scale,
        np.array([ids.get(parent, -1) for _, parent in parents], np.int64),
    )


def _read_line(words: list[str], where: str) -> tuple[int, Triple, int]:
    """Id, position (z, y, x) and parent of one node."""
    try:
        if len(words) != 7:
            raise ValueError
        x, y, z = (float(word) for word in words[2:5])
        node, parent = int(words[0]), int(words[6])
    except ValueError:
        raise InputError(f"{where}: {' '.join(words)!r} is no node of SWC; expected {_COLUMNS}.") from None
    if not np.isfinite((x, y, z)).all():
        raise InputError(f"{where}: position {x:g}, {y:g}, {z:g} is not finite.")
    return node, (z, y, x), parent
