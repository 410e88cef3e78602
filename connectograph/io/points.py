"""Synapses as points: CREMI annotations, and tables in the schemas of CAVE, neuPrint, synful, or a plain one.

Conventions: a row is one synapse, from its presynaptic to its postsynaptic point. Positions become (z, y, x) in nm;
ids stay exact, never through a float.

Functions: :func:`read_points`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.errors import InputError, SchemaError
from connectograph.io._columns import BINARY_SUFFIXES, TEXT_SUFFIXES, Columns, read_columns, to_ids, to_numbers
from connectograph.io.annotations import Annotations, read_annotations
from connectograph.tables import make_table
from connectograph.volumes import Triple

__all__ = ["PointSource", "SynapsePoints", "find_schema", "is_point_table", "read_points"]

_Ids = npt.NDArray[np.uint64]
_Places = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SynapsePoints:
    """Synapses as pairs of points.

    Attributes
    ----------
    table : pandas.DataFrame
        The table "synapse_points": `n_voxels` 1, segments 0 and positions NaN where they are not given.
    lone_sites : (K,) array of uint64
        Annotated sites without a partner, ascending: they are no synapse.
    has_positions, has_segments : bool
        What is given: at least one of them.
    name : str
        The file.
    assumed : tuple of str
        How the file was understood.
    """

    table: pd.DataFrame
    lone_sites: _Ids
    has_positions: bool
    has_segments: bool
    name: str = ""
    assumed: tuple[str, ...] = ()


PointSource: TypeAlias = str | os.PathLike[str] | pd.DataFrame | Annotations | SynapsePoints
"""Wherever synapses as points come from."""


@dataclass(frozen=True)
class _Schema:
    """Column names of one make of table, in small letters; ``{}`` stands for the axis."""

    name: str
    segments: tuple[str, str]
    places: tuple[str, str]
    lists: tuple[str, str] | None = None
    in_nm: bool = False
    synapse: str = "synapse_id"
    scores: tuple[str, ...] = ("score",)

    def names(self) -> set[str]:
        """Every column that tells this schema from others."""
        axes = {place.format(axis) for place in self.places for axis in "zyx"}
        return axes | {*self.segments, *(self.lists or ())}


_CAVE = ("pre_pt_position", "post_pt_position")
_SCHEMAS = (
    _Schema("plain", ("pre_segment", "post_segment"), ("pre_{}_nm", "post_{}_nm"), in_nm=True),
    _Schema(
        "CAVE", ("pre_pt_root_id", "post_pt_root_id"), (f"{_CAVE[0]}_{{}}", f"{_CAVE[1]}_{{}}"), _CAVE,
        synapse="id", scores=("score", "cleft_score"),
    ),
    _Schema(
        "neuPrint", ("bodyid_pre", "bodyid_post"), ("{}_pre", "{}_post"),
        scores=("confidence_post", "confidence_pre"),
    ),
    _Schema(
        "synful", ("segmentid_pre", "segmentid_post"), ("pre_{}", "post_{}"), in_nm=True,
        synapse="id", scores=("scores", "score"),
    ),
)  # fmt: skip


def read_points(source: PointSource, *, resolution: Triple | None = None) -> SynapsePoints:
    """Synapses as points, from annotations or a table.

    Parameters
    ----------
    source : path, DataFrame, Annotations or SynapsePoints
        HDF5: CREMI annotations, see :func:`~connectograph.io.annotations.read_annotations`. A .csv, .tsv, .txt,
        .parquet or .feather table, or a DataFrame, holds one synapse a row; capital letters do not matter:

        - plain: `pre_segment, post_segment`, or `pre_z_nm, pre_y_nm, pre_x_nm, post_z_nm, post_y_nm, post_x_nm`, or
          both; optional `synapse_id`, `pre_site_id`, `post_site_id`, `score`;
        - CAVE: `pre_pt_root_id, post_pt_root_id`; `pre_pt_position` and `post_pt_position` as lists (x, y, z) or as
          columns `pre_pt_position_x`, ...; `id`;
        - neuPrint: `bodyId_pre, bodyId_post`, `x_pre`, ..., `z_post`, `confidence_post`;
        - synful: `segmentid_pre, segmentid_post`, `pre_x`, ..., `post_z` (nm), `scores`, `id`.

        Either the two segments or the six coordinates may be missing.
    resolution : tuple of 3 floats, optional
        (z, y, x) in nm: what the positions of a CAVE or neuPrint table are multiples of; (1, 1, 1) if they are in nm.
        Without it such positions are not understood, and are refused unless the table has segments.

    Returns
    -------
    SynapsePoints
        Synapses without an id are numbered from 1 in the order of the rows (annotations: of the pairs). In a table
        without `pre_site_id`, synapses of the same presynaptic point share a presynaptic site, named by the smallest
        of their ids.

    Raises
    ------
    InputError
        If the file cannot be read, or the resolution is needed.
    SchemaError
        If columns are missing, an id is a float, missing, or occurs twice, or a coordinate is no number.

    Examples
    --------
    >>> table = pd.DataFrame({"pre_segment": [7, 7], "post_segment": [8, 9], "pre_site_id": [1, 1]})
    >>> read_points(table).table[["synapse_id", "pre_site_id", "pre_segment", "post_segment"]].values.tolist()
    [[1, 1, 7, 8], [2, 1, 7, 9]]
    """
    if isinstance(source, SynapsePoints):
        return source
    if isinstance(source, Annotations):
        return _points_of_sites(source)
    if isinstance(source, pd.DataFrame):
        return _points_of_columns(_columns_of(source), "the table", "", resolution)
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"synapses as points are read from a path or a table, found {type(source).__name__}.")
    file = Path(source)
    if file.suffix.lower() in TEXT_SUFFIXES + BINARY_SUFFIXES:
        return _points_of_columns(read_columns(file), str(file), str(file), resolution)
    return _points_of_sites(read_annotations(file))


def is_point_table(columns: Columns | set[str]) -> bool:
    """Whether column names are those of synapses as points.

    Examples
    --------
    >>> is_point_table({"pre_segment", "post_segment", "size"}), is_point_table({"source", "target", "weight"})
    (True, False)
    """
    return find_schema({str(name).strip().lower() for name in columns}) is not None


def find_schema(names: set[str]) -> str | None:
    """Name of the first schema of which the segments or the positions are among some column names."""
    return next((schema.name for schema in _SCHEMAS if _given(schema, names) != (False, False)), None)


def _given(schema: _Schema, names: set[str]) -> tuple[bool, bool]:
    """Whether the segments, and whether the positions of a schema are there."""
    axes = {place.format(axis) for place in schema.places for axis in "zyx"}
    lists = schema.lists is not None and set(schema.lists) <= names
    return set(schema.segments) <= names, lists or axes <= names


def _columns_of(table: pd.DataFrame) -> Columns:
    import pyarrow as pa

    try:
        arrow = pa.Table.from_pandas(table, preserve_index=False)
    except (pa.ArrowException, TypeError) as error:
        raise SchemaError(f"the table cannot be read: {error}. Give each column one type.") from error
    return dict(zip(arrow.column_names, arrow.columns, strict=True))


def _points_of_columns(columns: Columns, where: str, name: str, resolution: Triple | None) -> SynapsePoints:
    columns = {str(column).strip().lower(): values for column, values in columns.items()}
    schema, has_segments, has_positions = _choose_schema(columns, where, resolution)
    count = len(next(iter(columns.values())))
    nothing, nowhere = np.zeros(count, np.uint64), np.full((count, 3), np.nan)
    ends = [_read_ids(columns, end, where, nothing) if has_segments else nothing for end in schema.segments]
    scale = (1.0, 1.0, 1.0) if schema.in_nm else resolution
    places = [_read_places(columns, schema, k, scale, where) for k in (0, 1)] if has_positions else [nowhere] * 2
    synapses = _read_synapse_ids(columns, schema, count, where)
    sites = _read_ids(columns, "pre_site_id", where, None)
    if sites is None:
        sites = _group_sites(synapses, places[0]) if has_positions else synapses
    table = _make_points(
        synapses, (sites, _read_ids(columns, "post_site_id", where, synapses)), ends, places,
        _read_scores(columns, schema, where),
    )  # fmt: skip
    unit = f", positions in multiples of {', '.join(f'{u:g}' for u in scale or ())} nm (z, y, x)"
    note = f"{schema.name} table{unit if has_positions and not schema.in_nm else ''}"
    return SynapsePoints(table, np.zeros(0, np.uint64), has_positions, has_segments, name, (note,))


def _choose_schema(columns: Columns, where: str, resolution: Triple | None) -> tuple[_Schema, bool, bool]:
    """The schema of a table, and whether its segments and its positions can be used."""
    names = set(columns)
    found = [schema for schema in _SCHEMAS if _given(schema, names) != (False, False)]
    if not found:
        raise SchemaError(_explain_columns(names, where))
    schema = found[0]
    has_segments, has_positions = _given(schema, names)
    if has_positions and not schema.in_nm and resolution is None:
        if not has_segments:
            raise InputError(
                f"{where} has positions in the {schema.name} schema, which does not say their unit. Pass "
                "--point-resolution Z,Y,X in nm (in Python: point_resolution), e.g. 40,4,4; 1,1,1 if they are in nm."
            )
        has_positions = False
    return schema, has_segments, has_positions


def _explain_columns(names: set[str], where: str) -> str:
    """Which columns the nearest schema lacks, and which schemas there are."""
    nearest = max(_SCHEMAS, key=lambda schema: len(schema.names() & names))
    near = sorted(nearest.names() & names)
    told = f" {', '.join(near)} are of the {nearest.name} schema, but their counterparts are missing." if near else ""
    listed = "; ".join(f"{schema.name}: {', '.join(schema.segments)}" for schema in _SCHEMAS)
    return (
        f"{where} has the columns {', '.join(sorted(names))}; expected a presynaptic and a postsynaptic segment or "
        f"point.{told} Understood are {listed}, or positions as connectograph.io.points.read_points describes."
    )


def _read_places(columns: Columns, schema: _Schema, end: int, scale: Triple | None, where: str) -> _Places:
    """(N, 3) positions of one end in nm."""
    if schema.lists is not None and schema.lists[end] in columns:
        name = schema.lists[end]
        axes = _split_lists(columns[name], f"{where}: column {name!r}")
    else:
        names = [schema.places[end].format(axis) for axis in "zyx"]
        axes = [to_numbers(columns[name], f"{where}: column {name!r}").astype(np.float64) for name in names]
        name = names[0]
    places = np.stack(axes, axis=1) * np.asarray(scale or (1.0, 1.0, 1.0), np.float64)
    wrong = np.flatnonzero(~np.isfinite(places).all(axis=1))
    if len(wrong):
        raise SchemaError(
            f"{where}: column {name!r}, row {wrong[0] + 1}: a coordinate is missing or not finite ({len(wrong)} such "
            "rows). Remove the rows, or fill in their place."
        )
    return places


def _split_lists(column: Any, where: str) -> list[_Places]:
    """z, y and x of a column of lists (x, y, z)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_kind(whole.type) for is_kind in kinds):
        raise SchemaError(f"{where} has type {whole.type}; expected lists of three numbers (x, y, z).")
    lengths = np.asarray(pc.fill_null(pc.list_value_length(whole), 0).to_numpy(zero_copy_only=False))
    wrong = np.flatnonzero(lengths != 3)
    if len(wrong):
        raise SchemaError(f"{where}, row {wrong[0] + 1}: {whole[int(wrong[0])].as_py()!r}; expected (x, y, z).")
    values = to_numbers(pc.list_flatten(whole), where).astype(np.float64).reshape(-1, 3)
    return [values[:, axis] for axis in (2, 1, 0)]


def _read_ids(columns: Columns, name: str, where: str, default: _Ids | None) -> Any:
    return to_ids(columns[name], f"{where}: column {name!r}") if name in columns else default


def _read_synapse_ids(columns: Columns, schema: _Schema, count: int, where: str) -> _Ids:
    """Ids of the synapses, or 1, 2, ... where there are none."""
    name = next((name for name in ("synapse_id", schema.synapse) if name in columns), None)
    if name is None:
        return np.arange(1, count + 1, dtype=np.uint64)
    ids = to_ids(columns[name], f"{where}: column {name!r}")
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        twice = values[counts > 1][0]
        row = int(np.flatnonzero(ids == twice)[1]) + 1
        raise SchemaError(f"{where}: column {name!r}, row {row}: {twice} occurs again; each synapse has its own id.")
    return ids


def _read_scores(columns: Columns, schema: _Schema, where: str) -> _Places | None:
    name = next((name for name in schema.scores if name in columns), None)
    return None if name is None else to_numbers(columns[name], f"{where}: column {name!r}").astype(np.float64)


def _group_sites(synapses: _Ids, places: _Places) -> _Ids:
    """For each synapse the smallest id of those with the same presynaptic point."""
    _, site = np.unique(places, axis=0, return_inverse=True)
    smallest = np.full(len(synapses), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, site.reshape(-1), synapses)
    named: _Ids = smallest[site.reshape(-1)]
    return named


def _points_of_sites(sites: Annotations) -> SynapsePoints:
    """Synapses of CREMI annotations: its pairs, numbered from 1."""
    order = np.argsort(sites.ids)
    rows = order[np.searchsorted(sites.ids[order], sites.partners)]
    places = [sites.positions[rows[:, end]] for end in (0, 1)]
    numbers = np.arange(1, len(sites.partners) + 1, dtype=np.uint64)
    nothing = np.zeros(len(numbers), np.uint64)
    table = _make_points(numbers, (sites.partners[:, 0], sites.partners[:, 1]), [nothing] * 2, places, None)
    lone = np.setdiff1d(sites.ids, sites.partners)
    return SynapsePoints(table, lone, True, False, sites.name, ("CREMI annotations",))


def _make_points(
    synapses: _Ids, sites: tuple[_Ids, _Ids], segments: list[_Ids], places: list[_Places], scores: _Places | None
) -> pd.DataFrame:
    middle = (places[0] + places[1]) / 2
    return make_table(
        "synapse_points",
        {
            "synapse_id": synapses,
            "pre_site_id": sites[0],
            "post_site_id": sites[1],
            "pre_segment": segments[0],
            "post_segment": segments[1],
            "n_voxels": np.ones(len(synapses), np.int64),
            "score": np.full(len(synapses), np.nan) if scores is None else scores,
            **{f"{axis}_nm": middle[:, k] for k, axis in enumerate("zyx")},
            **{
                f"{end}_{axis}_nm": place[:, k]
                for end, place in zip(("pre", "post"), places, strict=True)
                for k, axis in enumerate("zyx")
            },
        },
    )
