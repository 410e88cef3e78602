"""CREMI annotations: presynaptic and postsynaptic sites, who is partner of whom, and comments.

Conventions: locations are (z, y, x) in nm relative to the attribute `offset` of the group ``annotations``, which
defaults to 0; a pair of partners is (presynaptic id, postsynaptic id). A polyadic synapse is one presynaptic site with
several partners.

Functions: :func:`read_annotations`, :func:`write_annotations`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.io.hdf5_access import check_declared_size, explain_damage, open_hdf5, resolve_dataset, storage_bytes
from connectograph.io.writing import replacing
from connectograph.tables import as_ids
from connectograph.volumes import Triple

__all__ = ["POSTSYNAPTIC", "PRESYNAPTIC", "Annotations", "holds_annotations", "read_annotations", "write_annotations"]

PRESYNAPTIC, POSTSYNAPTIC = "presynaptic_site", "postsynaptic_site"

_IDS, _TYPES, _LOCATIONS = "annotations/ids", "annotations/types", "annotations/locations"
_PARTNERS = "annotations/presynaptic_site/partners"
_COMMENTS = ("annotations/comments/target_ids", "annotations/comments/comments")


@dataclass(frozen=True, eq=False)
class Annotations:
    """Annotated sites as a CREMI file holds them.

    Parameters
    ----------
    ids : (N,) array of uint64
        Of the sites, each once.
    types : (N,) array of str
        "presynaptic_site" or "postsynaptic_site".
    locations : (N, 3) array of float64
        (z, y, x) in nm, relative to `offset`.
    partners : (M, 2) array of uint64
        Presynaptic and postsynaptic id of each synapse, no pair twice.
    offset : tuple of 3 floats
        (z, y, x) in nm.
    comments : mapping of int to str
        By site id.
    name : str
        The file.

    Raises
    ------
    InputError
        If an id is no integer or occurs twice, a type is unknown, a location is no place, or a pair names a site that
        is not there or is of the other type.

    Examples
    --------
    >>> sites = Annotations([3, 8], ["presynaptic_site", "postsynaptic_site"], [(0, 4, 4), (0, 4, 8)], [(3, 8)])
    >>> sites.positions.tolist(), sites.partners.tolist()
    ([[0.0, 4.0, 4.0], [0.0, 4.0, 8.0]], [[3, 8]])
    """

    ids: npt.NDArray[np.uint64]
    types: npt.NDArray[np.str_]
    locations: npt.NDArray[np.float64]
    partners: npt.NDArray[np.uint64]
    offset: Triple = (0.0, 0.0, 0.0)
    comments: Mapping[int, str] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        where = self.name or "annotations"
        ids = _as_ids(self.ids, 1, f"{where}: ids")
        types = np.asarray(self.types, dtype=np.str_).reshape(-1)
        values = {
            "ids": ids,
            "types": types,
            "locations": _as_places(self.locations, len(ids), f"{where}: locations"),
            "partners": _as_ids(self.partners, 2, f"{where}: partners"),
            "offset": tuple(_as_places([self.offset], 1, f"{where}: offset")[0].tolist()),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        _check_sites(ids, types, where)
        _check_partners(self, where)

    @property
    def positions(self) -> npt.NDArray[np.float64]:
        """(N, 3) positions (z, y, x) in nm: location and offset together."""
        positions: npt.NDArray[np.float64] = self.locations + np.asarray(self.offset)
        return positions


def read_annotations(path: str | os.PathLike[str]) -> Annotations:
    """Sites and partners of a CREMI file.

    Parameters
    ----------
    path : path
        HDF5 with the group ``annotations``: `ids`, `types`, `locations`, `presynaptic_site/partners`, and `comments`
        if there are any. All three of the first may be absent together: no sites.

    Returns
    -------
    Annotations

    Raises
    ------
    InputError
        If the file has no annotations or is damaged, or as :class:`Annotations`.

    Examples
    --------
    >>> import tempfile
    >>> sites = Annotations([3, 8], ["presynaptic_site", "postsynaptic_site"], [(0, 4, 4), (0, 4, 8)], [(3, 8)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_annotations(f"{folder}/a.hdf", sites)
    ...     read_annotations(f"{folder}/a.hdf").types.tolist()
    ['presynaptic_site', 'postsynaptic_site']
    """
    name = os.fspath(path)
    file, _ = open_hdf5(name)
    with file, explain_damage(name, "its annotations"):
        if "annotations" not in file:
            raise InputError(
                f"{name} has no annotations: expected the group 'annotations' of the CREMI layout. For synapses as "
                "voxels choose another --partner-rule."
            )
        parts = {part: _read(file, part, name) for part in (_IDS, _TYPES, _LOCATIONS, _PARTNERS, *_COMMENTS)}
        offset = file["annotations"].attrs.get("offset", (0.0, 0.0, 0.0))
    return _assemble(parts, offset, name)


def write_annotations(path: str | os.PathLike[str], annotations: Annotations, *, overwrite: bool = False) -> None:
    """Write sites and partners into a new or existing CREMI file: whole, or not at all.

    Parameters
    ----------
    path : path
        HDF5; its volumes stay as they are.
    annotations : Annotations
    overwrite : bool
        Replace the annotations that the file holds.

    Raises
    ------
    InputError
        If it holds annotations already, is no HDF5 file, or there is no room.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_annotations(f"{folder}/a.hdf", Annotations([], [], [], []))
    ...     len(read_annotations(f"{folder}/a.hdf").ids)
    0
    """
    file = Path(path)
    if file.exists() and holds_annotations(file) and not overwrite:
        raise InputError(f"{file} holds annotations already. Pass overwrite=True to replace them, or name another.")
    with replacing(file) as temporary:
        if file.exists():
            shutil.copyfile(file, temporary)
        _write(temporary, annotations)


def holds_annotations(path: str | os.PathLike[str]) -> bool:
    """Whether an HDF5 file has the group of CREMI's annotations."""
    file, _ = open_hdf5(os.fspath(path))
    with file:
        return "annotations" in file


def _read(file: Any, name: str, path: str) -> Any:
    """A dataset of the file, or None."""
    where = f"{path}:{name}"
    dataset = resolve_dataset(file, name, where)
    if dataset is None:
        return None
    folder = os.path.realpath(os.path.dirname(path) or ".")
    check_declared_size(dataset, where, storage_bytes(dataset, where, folder))
    return dataset[()]


def _assemble(parts: Mapping[str, Any], offset: Any, name: str) -> Annotations:
    required = (_IDS, _TYPES, _LOCATIONS)
    missing = [part for part in required if parts[part] is None]
    if missing and len(missing) < len(required):
        raise InputError(f"{name} lacks {', '.join(missing)}; CREMI annotations have {', '.join(required)}.")
    ids, types, locations, partners, *comments = ([] if part is None else part for part in parts.values())
    if len(comments[0]) != len(comments[1]):
        raise InputError(f"{name}: {len(comments[0])} comment targets but {len(comments[1])} comments.")
    targets = _as_ids(comments[0], 1, f"{name}:{_COMMENTS[0]}").tolist()
    said = dict(zip(targets, map(_as_text, comments[1]), strict=True))
    return Annotations(ids, [_as_text(kind) for kind in types], locations, partners, offset, said, name)  # type: ignore[arg-type]


def _write(path: str, annotations: Annotations) -> None:
    import h5py

    text = h5py.string_dtype()
    with h5py.File(path, "a") as file:
        if not file.keys():
            file.attrs["file_format"] = "0.2"
        if "annotations" in file:
            del file["annotations"]
        group = file.create_group("annotations")
        group.attrs["offset"] = annotations.offset
        file.create_dataset(_IDS, data=annotations.ids)
        file.create_dataset(_TYPES, data=annotations.types.astype(object), dtype=text)
        file.create_dataset(_LOCATIONS, data=annotations.locations)
        file.create_dataset(_PARTNERS, data=annotations.partners)
        if annotations.comments:
            file.create_dataset(_COMMENTS[0], data=np.array([*annotations.comments], np.uint64))
            file.create_dataset(_COMMENTS[1], data=np.array([*annotations.comments.values()], object), dtype=text)


def _as_text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _as_ids(values: Any, width: int, where: str) -> npt.NDArray[np.uint64]:
    """(N,) or (N, width) ids, exactly: integers from 0, never floats."""
    array = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    if array.size == 0:
        return np.zeros((0, width) if width > 1 else 0, np.uint64)
    if array.dtype.kind not in "uiO":
        raise InputError(f"{where} have type {array.dtype}; expected integers: ids that were floats may be rounded.")
    if array.ndim != (2 if width > 1 else 1) or (width > 1 and array.shape[1] != width):
        raise InputError(f"{where} have shape {array.shape}; expected (N,{f' {width}' if width > 1 else ''}).")
    return as_ids(array.ravel(), where).reshape(array.shape)


def _as_places(values: Any, count: int, where: str) -> npt.NDArray[np.float64]:
    """(count, 3) finite numbers."""
    array = np.asarray(values)
    if array.size == 0:
        array = np.zeros((0, 3))
    if array.shape != (count, 3) or array.dtype.kind not in "uif":
        raise InputError(
            f"{where} have shape {array.shape} and type {array.dtype}; expected ({count}, 3) numbers: z, y, x in nm."
        )
    wrong = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(wrong):
        raise InputError(f"{where}, row {wrong[0] + 1}: {array[wrong[0]].tolist()} is no place; expected finite nm.")
    return array.astype(np.float64)


def _check_sites(ids: npt.NDArray[np.uint64], types: npt.NDArray[np.str_], where: str) -> None:
    if len(types) != len(ids):
        raise InputError(f"{where}: {len(ids)} ids but {len(types)} types; expected one type for each site.")
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{where}: the site id {values[counts > 1][0]} occurs {counts.max()} times; ids are unique.")
    unknown = np.flatnonzero(~np.isin(types, (PRESYNAPTIC, POSTSYNAPTIC)))
    if len(unknown):
        raise InputError(
            f"{where}: site {ids[unknown[0]]} is of type {str(types[unknown[0]])!r}; expected {PRESYNAPTIC!r} or "
            f"{POSTSYNAPTIC!r} ({len(unknown)} such sites)."
        )


def _check_partners(annotations: Annotations, where: str) -> None:
    """Every pair joins a presynaptic site with a postsynaptic one, and no two pairs are the same."""
    partners = annotations.partners
    for column, kind in enumerate((PRESYNAPTIC, POSTSYNAPTIC)):
        proper = annotations.ids[annotations.types == kind]
        wrong = np.flatnonzero(~np.isin(partners[:, column], proper))
        if len(wrong):
            site = partners[wrong[0], column]
            found = "of the other type" if site in annotations.ids else "not among the ids"
            raise InputError(
                f"{where}: partners, row {wrong[0] + 1}: {site} should be a {kind} but is {found}. Pairs are "
                "(presynaptic id, postsynaptic id); remove the pair or add the site."
            )
    pairs, counts = np.unique(partners, axis=0, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"{where}: the pair {pairs[counts > 1][0].tolist()} occurs twice; each synapse is listed once."
        )
