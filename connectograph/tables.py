"""Every table of connectograph: column names, types and units; and the one place that converts ids.

Conventions: ids are uint64 (0 = none), counts int64, lengths float64 in nanometres (the unit is in the name), rows
sorted by the id columns. Every table has its columns and types also when it has no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.errors import SchemaError

__all__ = ["SCHEMAS", "as_ids", "empty_table", "make_table", "validate_table"]

_ID, _COUNT, _NM, _RATIO = "uint64", "int64", "float64", "float64"
_SCORES = {"precision": _RATIO, "recall": _RATIO, "f1": _RATIO}
_POSITION = {"z_nm": _NM, "y_nm": _NM, "x_nm": _NM}
_BOTH_IDS = {"synapse_id_truth": _ID, "synapse_id_predicted": _ID}
_SITES = {f"{end}_{axis}_nm": _NM for end in ("pre", "post") for axis in "zyx"}
_BOX = {f"{axis}_{end}_nm": _NM for axis in "zyx" for end in ("min", "max")}

_LINK = {
    "synapse_id": _ID, "source": _ID, "target": _ID, "directed": "bool", "n_voxels": _COUNT, "score": _NM, **_POSITION,
}  # fmt: skip

SCHEMAS: dict[str, dict[str, str]] = {
    "segments": {"segment_id": _ID, "n_voxels": _COUNT, "volume_nm3": _NM, **_POSITION, **_BOX, "status": "str"},
    "synapses": {
        "synapse_id": _ID, "n_voxels": _COUNT, "volume_nm3": _NM, **_POSITION,
        "score_max": _NM, "score_mean": _NM, "attached": "bool", "unattached_reason": "str",
    },
    "synapse_contacts": {"synapse_id": _ID, "segment_a": _ID, "segment_b": _ID, "n_voxels": _COUNT, **_POSITION},
    "contactome": {"segment_a": _ID, "segment_b": _ID, "n_voxels": _COUNT, "n_faces": _COUNT, "area_nm2": _NM},
    "links": _LINK,
    "directed_links": {**_LINK, "pre_site_id": _ID},
    "synapse_points": {
        "synapse_id": _ID, "pre_site_id": _ID, "post_site_id": _ID, "pre_segment": _ID, "post_segment": _ID,
        "n_voxels": _COUNT, "score": _NM, **_POSITION, **_SITES,
    },
    "edges": {"source": _ID, "target": _ID, "n_synapses": _COUNT, "n_voxels": _COUNT, **_POSITION},
    "edge_outcomes": {
        "source": _ID, "target": _ID, "outcome": "str", "n_synapses_truth": _COUNT, "n_synapses_predicted": _COUNT,
        "cause": "str", **_POSITION,
    },
    "synapse_overlaps": {
        **_BOTH_IDS, "n_voxels_truth": _COUNT, "n_voxels_predicted": _COUNT, "n_voxels_shared": _COUNT, "iou": _RATIO,
    },
    "synapse_matches": {
        **_BOTH_IDS, "outcome": "str",
        "n_voxels_truth": _COUNT, "n_voxels_predicted": _COUNT, "n_voxels_shared": _COUNT, "iou": _RATIO,
        "n_overlaps_truth": _COUNT, "n_overlaps_predicted": _COUNT, "at_border": "bool",
        "n_pairs_truth": _COUNT, "n_pairs_predicted": _COUNT, "n_pairs_shared": _COUNT, "partners": "str", **_POSITION,
    },
    "segment_overlaps": {"true_segment": _ID, "predicted_segment": _ID, "n_voxels": _COUNT},
    "segment_terminals": {"true_segment": _ID, "predicted_segment": _ID, "n_terminals": _COUNT},
    "segment_matches": {
        "true_segment": _ID, "predicted_segment": _ID, "segment_id": _ID, "majority_segment": _ID,
        "n_voxels_truth": _COUNT, "n_voxels_predicted": _COUNT, "n_voxels_shared": _COUNT, "iou": _RATIO,
        "n_overlaps_truth": _COUNT, "n_overlaps_predicted": _COUNT, "purity": _RATIO,
    },
    "neuron_integrity": {
        "segment_id": _ID, "n_terminals": _COUNT, "n_deleted": _COUNT, "precision": _RATIO, "recall": _RATIO,
        "nri": _RATIO,
    },
    "partner_sites": {"pre_site_id": _ID, "post_site_id": _ID, "source": _ID, "target": _ID, **_SITES},
    "neurons": {
        "segment_id": _ID, "role": "str", "tp": _COUNT, "fp": _COUNT, "fn": _COUNT, **_SCORES,
        **{f"n_synapses_{part}": _COUNT for part in ("truth", "predicted", "shared")},
        **{f"weighted_{score}": dtype for score, dtype in _SCORES.items()}, "cosine": _RATIO, "spearman": _RATIO,
    },
    "link_outcomes": {
        **_BOTH_IDS, "source": _ID, "target": _ID, "outcome": "str", "cause": "str", "detail": "str",
        "n_voxels": _COUNT, **_POSITION,
    },
    "fixes": {
        "step": _COUNT, "kind": "str", **_BOTH_IDS, "true_segment": _ID, "predicted_segment": _ID, "into_segment": _ID,
        "source": _ID, "target": _ID, "n_links": _COUNT, "gain": _RATIO,
        "tp": _COUNT, "fp": _COUNT, "fn": _COUNT, "f1": _RATIO, **_POSITION,
    },
    "type_blocks": {
        "source_type": "str", "target_type": "str", "n_pairs": _COUNT, "n_edges_truth": _COUNT,
        "n_edges_predicted": _COUNT, "density_truth": _RATIO, "density_predicted": _RATIO, "log2_ratio": _RATIO,
    },
    "score_sweep": {"threshold": _RATIO, "tp": _COUNT, "fp": _COUNT, "fn": _COUNT, **_SCORES},
}  # fmt: skip
"""Columns and pandas dtypes of each table, in order."""


def empty_table(name: str) -> pd.DataFrame:
    """Table without rows, with every column and type of its schema.

    Examples
    --------
    >>> empty_table("edges").dtypes["source"]
    dtype('uint64')
    """
    return pd.DataFrame({column: pd.Series(dtype=dtype) for column, dtype in SCHEMAS[name].items()})


def make_table(name: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Table of the schema `name` from arrays of equal length, typed and sorted by its id columns.

    Parameters
    ----------
    name : str
        A key of :data:`SCHEMAS`.
    columns : mapping of str to array
        One entry for each column of the schema.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    SchemaError
        If a column is missing or unknown, or an id cannot be held exactly.

    Examples
    --------
    >>> make_table("contactome", {"segment_a": [2, 1], "segment_b": [3, 2], "n_voxels": [1, 4],
    ...                           "n_faces": [0, 2], "area_nm2": [0.0, 32.0]})["segment_a"].tolist()
    [1, 2]
    """
    schema = SCHEMAS[name]
    _check_columns(name, schema, columns)
    data = {column: _type_column(columns[column], dtype, f"{name}.{column}") for column, dtype in schema.items()}
    return _sorted(pd.DataFrame(data, copy=False), schema)


def validate_table(name: str, table: pd.DataFrame, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """The table if it follows its schema; columns beyond the schema are kept.

    Parameters
    ----------
    name : str
        A key of :data:`SCHEMAS`.
    table : pandas.DataFrame
        Checked, not changed.
    columns : iterable of str, optional
        The columns that are needed; all of the schema if not given.

    Returns
    -------
    pandas.DataFrame
        `table` itself.

    Raises
    ------
    SchemaError
        If a column is missing or has another type.
    """
    found = table.dtypes.to_dict()
    for column in SCHEMAS[name] if columns is None else columns:
        dtype = SCHEMAS[name][column]
        if column not in found:
            raise SchemaError(f"{name} table lacks the column {column!r}; found {', '.join(map(str, found))}.")
        if found[column] != _dtype_of_column(dtype):
            raise SchemaError(f"{name}.{column} has type {found[column]}; expected {dtype}.")
    return table


@cache
def _dtype_of_column(dtype: str) -> Any:
    """What pandas makes of a name in a schema: text has one type or another, by its version."""
    return pd.Series(dtype=dtype).dtype


def as_ids(values: Iterable[Any] | npt.NDArray[Any], what: str = "ids") -> npt.NDArray[np.uint64]:
    """Ids as uint64, exactly, or an error: never through a float.

    Parameters
    ----------
    values : iterable of int, or array
        Integers, or strings of digits.
    what : str
        Where they come from, for the message.

    Returns
    -------
    (N,) array of uint64

    Raises
    ------
    SchemaError
        If a value is negative, missing, a float, or beyond 64 bits.

    Examples
    --------
    >>> as_ids([2**64 - 3, 1])
    array([18446744073709551613,                    1], dtype=uint64)
    """
    array = values.to_numpy() if isinstance(values, pd.Series) else values
    if not isinstance(array, np.ndarray):
        array = np.array(list(array), dtype=object)
    if array.dtype.kind == "u":
        return array.astype(np.uint64, copy=False)
    if array.dtype.kind == "i":
        if array.size and array.min() < 0:
            raise SchemaError(
                f"{what}: {int((array < 0).sum())} ids are negative, the first is {array.min()}; ids are 0 to 2^64-1."
            )
        return array.astype(np.uint64)
    return np.array([_one_id(value, what) for value in array], dtype=np.uint64)


def _one_id(value: Any, what: str) -> int:
    exact = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    text = isinstance(value, str) and value.strip().isdecimal()
    number = int(value) if exact or text else -1
    if not 0 <= number < 2**64:
        raise SchemaError(
            f"{what}: {value!r} is no id; ids are whole numbers from 0 to 2^64-1, never floats or missing."
        )
    return number


def _check_columns(name: str, schema: Mapping[str, str], columns: Mapping[str, Any]) -> None:
    missing = [column for column in schema if column not in columns]
    unknown = [column for column in columns if column not in schema]
    if missing or unknown:
        raise SchemaError(
            f"{name} table: missing columns {missing}, unknown columns {unknown}; expected {list(schema)}."
        )


def _type_column(values: Any, dtype: str, what: str) -> pd.Series[Any]:
    """A copy of the values in their type."""
    if dtype == _ID:
        return pd.Series(as_ids(values, what))
    return pd.Series(values.array if isinstance(values, pd.Series) else values, dtype=dtype)


def _sorted(table: pd.DataFrame, schema: Mapping[str, str]) -> pd.DataFrame:
    """Rows in the order of the id columns; as they are if the table does not begin with one."""
    ranked = next(iter(schema.values())) != _ID
    keys = [] if ranked else [table[column].to_numpy() for column, dtype in schema.items() if dtype == _ID]
    if keys and not _ascend(keys):
        table = table.iloc[np.lexsort(keys[::-1])]
    return table.reset_index(drop=True)


def _ascend(keys: list[npt.NDArray[np.uint64]]) -> bool:
    """Whether rows are in the order of the keys already, as most are; the first decides."""
    tied: Any = True
    for key in keys:
        if (tied & (key[1:] < key[:-1])).any():
            return False
        tied = tied & (key[1:] == key[:-1])
    return True
