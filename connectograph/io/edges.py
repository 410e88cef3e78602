"""Connectomes in files of many makes as one edge table: for ``connectograph compare``.

Understood without an option: edge tables, synapse tables, count matrices, GraphML and networkx edge lists. What fits
none of these is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph.errors import InputError, SchemaError
from connectograph.io._columns import (
    TEXT_SUFFIXES,
    Columns,
    TextLayout,
    look_at_text,
    read_columns,
    read_text,
    to_counts,
    to_flags,
    to_ids,
    to_numbers,
)
from connectograph.io.graphs import read_graphml
from connectograph.io.points import is_point_table
from connectograph.tables import as_ids, make_table

__all__ = ["ALIASES", "EdgeList", "read_edges", "read_match", "read_types"]

Ids = npt.NDArray[np.uint64]

ALIASES: dict[str, tuple[str, ...]] = {
    "source": (
        "source", "pre", "pre_id", "pre_segment", "pre_root_id", "pre_pt_root_id", "bodyid_pre", "segmentid_pre",
    ),
    "target": (
        "target", "post", "post_id", "post_segment", "post_root_id", "post_pt_root_id", "bodyid_post", "segmentid_post",
    ),
    "n_synapses": ("n_synapses", "weight", "count", "syn_count"),
    "synapse_id": ("synapse_id", "id"),
}  # fmt: skip
"""Column names understood for each role, in small letters; the first is ours."""

_AXES = ("z_nm", "y_nm", "x_nm")
_LIST_EDGE = re.compile(r"(\d+)\s+(\d+)(?:\s+\{(?:\s*'weight':\s*(\d+(?:\.0*)?)\s*)?\})?")
_LIST_NODE = re.compile(r"(\d+)\s+type\s+\S+")


@dataclass(frozen=True, eq=False)
class EdgeList:
    """A connectome read from a file.

    Parameters
    ----------
    edges : pandas.DataFrame
        The table "edges"; autapses are in it; `n_voxels` 0 and positions NaN where the file has none.
    nodes : (N,) array of uint64
        All ids that the file names, ascending.
    directed : bool
    name : str
        The file.
    """

    edges: pd.DataFrame
    nodes: Ids
    directed: bool
    name: str


@dataclass(frozen=True, eq=False)
class _Rows:
    """Connections as a file lists them: one row an edge, a part of one, or (with `synapse`) one synapse."""

    source: Ids
    target: Ids
    n_synapses: npt.NDArray[np.int64]
    synapse: Ids | None = None
    n_voxels: npt.NDArray[np.int64] | None = None
    position: tuple[npt.NDArray[np.float64], ...] = ()
    further_nodes: Ids = field(default_factory=lambda: np.zeros(0, np.uint64))
    directed: bool | None = None


def read_edges(path: str | Path, *, directed: bool = False) -> EdgeList:
    """Read a connectome: edges with their number of synapses, and all its neurons.

    Parameters
    ----------
    path : str or Path
        One of

        - a table (.csv, .tsv, .txt with a header; .parquet, .feather) with `source`, `target` and `n_synapses`, under
          one of the names in :data:`ALIASES`: rows of the same pair are summed, 0 is no edge;
        - a table with `synapse_id`, `source` and `target`: a pair has as many synapses as distinct ids;
        - a table with `source` and `target` alone, or one of synapses as points
          (:func:`~connectograph.io.points.read_points`) with segments: each row is one synapse;
        - numbers without a header: a count matrix. Rows are the neurons 1 to R. Square: columns are the same
          neurons (undirected: (i, j) and (j, i) are added); otherwise columns are the neurons R+1 to R+C;
        - a .graphml file; a networkx .edgelist (lines ``a b {'weight': n}``, and node lines ``a type x``).
    directed : bool
        Keep the direction source (presynaptic) to target; otherwise both directions of a pair are added.

    Returns
    -------
    EdgeList

    Raises
    ------
    InputError
        If the file fits none of these, or says itself that it is directed and `directed` says otherwise.
    SchemaError
        If an id is blank, 0, negative or a float, or a count is no whole number; names column and row.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "edges.csv")
    ...     _ = file.write_text("pre,post,weight\\n18446744073709551613,7,2\\n7,18446744073709551613,1\\n")
    ...     read_edges(file).edges[["source", "target", "n_synapses"]].to_dict("list")
    {'source': [7], 'target': [18446744073709551613], 'n_synapses': [3]}
    """
    file = Path(path)
    rows = _read_rows(file)
    if rows.directed not in (None, directed) and len(rows.source):
        found, fix = ("directed", "pass") if rows.directed else ("undirected", "leave out")
        raise InputError(f"{file} says that its connections are {found}: {fix} --directed.")
    nodes = np.unique(np.concatenate([rows.source, rows.target, rows.further_nodes]))
    if len(nodes) and nodes[0] == 0:
        raise SchemaError(f"{file} names a neuron 0, which means 'no segment': remove such rows, or number from 1.")
    return EdgeList(_sum_pairs(rows, directed, str(file)), nodes, directed, str(file))


def read_match(path: str | Path) -> pd.DataFrame:
    """Read which predicted neuron stands for which true one.

    Parameters
    ----------
    path : str or Path
        Table whose first column holds the true id and whose second holds the predicted one, with or without a header.

    Returns
    -------
    pandas.DataFrame
        `truth_id`, `predicted_id` (uint64), in the order of `truth_id`.

    Raises
    ------
    SchemaError
        If an id occurs twice in its column, is blank, 0, negative or a float.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "match.csv")
    ...     _ = file.write_text("left,right\\n12,5\\n3,8\\n")
    ...     read_match(file).values.tolist()
    [[3, 8], [12, 5]]
    """
    file = Path(path)
    columns = list(read_columns(file).items())
    if len(columns) < 2:
        raise SchemaError(f"{file} has {len(columns)} column; expected two: the true id and the predicted id.")
    truth, predicted = (to_ids(column, f"{file}: column {name!r}") for name, column in columns[:2])
    for ids, (name, _) in zip((truth, predicted), columns, strict=False):
        _check_match(ids, f"{file}: column {name!r}")
    order = np.argsort(truth, kind="stable")
    return pd.DataFrame({"truth_id": truth[order], "predicted_id": predicted[order]})


def read_types(path: str | Path) -> pd.DataFrame:
    """Read the type of each neuron.

    Parameters
    ----------
    path : str or Path
        Table with a header, whose first column holds the ids and whose second the types; neurons whose type is empty
        have none.

    Returns
    -------
    pandas.DataFrame
        `segment_id` (uint64), `type` (text), in the order of `segment_id`.

    Raises
    ------
    SchemaError
        If an id occurs twice, is blank, 0, negative or a float, or the header is missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "types.csv")
    ...     _ = file.write_text("id,type\\n12,KC\\n3,PN\\n")
    ...     read_types(file).values.tolist()
    [[3, 'PN'], [12, 'KC']]
    """
    file = Path(path)
    columns = list(read_columns(file).items())
    if len(columns) < 2:
        raise SchemaError(f"{file} has {len(columns)} column; expected two: the id and the type of each neuron.")
    (name, ids), (first, types) = columns[:2]
    if name.strip().isdecimal() and not first.strip().isdecimal():
        raise SchemaError(f"{file} begins with {name},{first}, which is no header; write a line such as id,type first.")
    found = to_ids(ids, f"{file}: column {name!r}")
    _check_match(found, f"{file}: column {name!r}", "each neuron has one type")
    order = np.argsort(found, kind="stable")
    words = ["" if word is None else str(word).strip() for word in types.to_pylist()]
    return pd.DataFrame({"segment_id": found[order], "type": [words[k] for k in order]})


def _check_match(ids: Ids, where: str, rule: str = "each id is matched once") -> None:
    values, counts = np.unique(ids, return_counts=True)
    if len(values) and values[0] == 0:
        raise SchemaError(f"{where}, row {int((ids == 0).argmax()) + 1}: 0 means 'no segment' and matches nothing.")
    if (counts > 1).any():
        value = values[(counts > 1).argmax()]
        row = int(np.flatnonzero(ids == value)[1]) + 1
        raise SchemaError(f"{where}, row {row}: {value} occurs again; {rule}.")


def _read_rows(file: Path) -> _Rows:
    suffix = file.suffix.lower()
    if suffix == ".graphml":
        return _rows_of_graph(read_graphml(file), str(file))
    if suffix == ".edgelist":
        return _rows_of_list(file)
    layout = look_at_text(file) if suffix in TEXT_SUFFIXES else None
    if layout and not layout.has_header:
        return _rows_of_matrix(file, layout)
    return _rows_of_columns(read_text(file, layout) if layout else read_columns(file), str(file))


def _rows_of_columns(columns: Columns, where: str) -> _Rows:
    """Edge or synapse table: which of the two, its columns tell."""
    columns = {str(name).strip().lower(): column for name, column in columns.items()}
    ends = [_find(columns, role, where) for role in ("source", "target")]
    count = _find(columns, "n_synapses", where)
    synapse = _find(columns, "synapse_id", where)
    alone = set(columns) <= {*ends, "directed"} or is_point_table(columns)
    if None in ends or not (count or synapse or alone):
        raise SchemaError(_unknown_columns(columns, where))
    if count and synapse == "synapse_id":
        raise SchemaError(f"{where} has both {count!r} (edges) and 'synapse_id' (synapses): remove one of the columns.")
    source, target = (to_ids(columns[str(name)], f"{where}: column {name!r}") for name in ends)
    return _Rows(
        source,
        target,
        to_counts(columns[count], f"{where}: column {count!r}") if count else np.ones(len(source), np.int64),
        synapse=to_ids(columns[synapse], f"{where}: column {synapse!r}") if synapse and not count else None,
        n_voxels=to_counts(columns["n_voxels"], f"{where}: column 'n_voxels'") if "n_voxels" in columns else None,
        position=_positions(columns, where),
        directed=_direction(columns, where),
    )


def _find(columns: Columns, role: str, where: str) -> str | None:
    """Name of the column for a role: ours if it is there, otherwise the only one that could be meant."""
    found = [name for name in ALIASES[role] if name in columns]
    if len(found) > 1 and found[0] != role:
        raise SchemaError(f"{where} has {' and '.join(found)}: name the one to use as {role!r} so.")
    return found[0] if found else None


def _unknown_columns(columns: Columns, where: str) -> str:
    names = "; ".join(f"{role}: {', '.join(names)}" for role, names in ALIASES.items())
    return (
        f"{where} has the columns {', '.join(columns)}; expected source, target and n_synapses (or synapse_id). "
        f"Rename them; understood are {names}."
    )


def _positions(columns: Columns, where: str) -> tuple[npt.NDArray[np.float64], ...]:
    if not set(_AXES) <= columns.keys():
        return ()
    return tuple(to_numbers(columns[axis], f"{where}: column {axis!r}").astype(np.float64) for axis in _AXES)


def _direction(columns: Columns, where: str) -> bool | None:
    """What the table itself says of direction, if anything."""
    flags = to_flags(columns["directed"], f"{where}: column 'directed'") if "directed" in columns else np.zeros(0, bool)
    if len(flags) and flags.any() != flags.all():
        raise SchemaError(f"{where}: some rows are directed and some are not; compare them apart.")
    return bool(flags[0]) if len(flags) else None


def _rows_of_matrix(file: Path, layout: TextLayout) -> _Rows:
    """Numbers without a header: rows are neurons 1 to R, columns the same or the next ones."""
    columns = read_text(file, layout, infer=True)
    counts = [to_counts(column, f"{file}: column {name}") for name, column in columns.items()]
    n_rows, n_columns = len(counts[0]), len(counts)
    cells = [np.flatnonzero(column) for column in counts]
    if 2 <= n_columns <= 3 and n_rows > n_columns and all(len(rows) == n_rows for rows in cells):
        raise InputError(
            f"{file} has no header and {n_columns} columns without a single 0: that is rather an edge list than a "
            "count matrix. Put the line source,target,n_synapses on top."
        )
    first = 1 if n_rows == n_columns else n_rows + 1
    source = np.concatenate(cells).astype(np.uint64) + np.uint64(1)
    target = np.repeat(np.arange(n_columns, dtype=np.uint64), [len(rows) for rows in cells]) + np.uint64(first)
    values = np.concatenate([column[rows] for column, rows in zip(counts, cells, strict=True)])
    return _Rows(source, target, values, further_nodes=np.arange(1, first + n_columns, dtype=np.uint64))


def _rows_of_graph(graph: nx.Graph, where: str) -> _Rows:
    import pyarrow as pa

    items = list(graph.edges(data=True))
    names = sorted({name for _, _, data in items for name in data} - {"source", "target"})
    columns = {name: pa.array([data.get(name) for _, _, data in items]) for name in names}
    for role, end in (("source", 0), ("target", 1)):
        columns[role] = pa.array([item[end] for item in items], pa.uint64())
    rows = _rows_of_columns(columns, where)
    return _Rows(
        **{**vars(rows), "further_nodes": as_ids(graph.nodes, f"{where}: nodes"), "directed": graph.is_directed()}
    )


def _rows_of_list(file: Path) -> _Rows:
    """Lines ``a b``, ``a b {}`` or ``a b {'weight': n}``, and node lines ``a type x``."""
    edges: list[tuple[str, ...]] = []
    nodes: list[str] = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}.") from error
    for number, line in enumerate(map(str.strip, lines), start=1):
        if edge := _LIST_EDGE.fullmatch(line):
            edges.append(edge.groups(default="1"))
        elif node := _LIST_NODE.fullmatch(line):
            nodes.append(node[1])
        elif line and not line.startswith("#"):
            raise SchemaError(f"{file}, line {number}: {line[:80]!r} found; expected \"a b {{'weight': n}}\".")
    source, target = (as_ids([edge[end] for edge in edges], str(file)) for end in (0, 1))
    counts = np.array([int(float(edge[2])) for edge in edges], np.int64)
    return _Rows(source, target, counts, further_nodes=as_ids(nodes, str(file)))


def _sum_pairs(rows: _Rows, directed: bool, where: str) -> pd.DataFrame:
    """The table "edges": one row a pair, lying where its row with most voxels lies."""
    source, target = rows.source, rows.target
    if not directed:
        source, target = np.minimum(source, target), np.maximum(source, target)
    n_voxels = np.zeros(len(source), np.int64) if rows.n_voxels is None else rows.n_voxels
    synapse = np.arange(len(source), dtype=np.uint64) if rows.synapse is None else rows.synapse
    ascending = _ascends(source, target)
    order = np.arange(len(source)) if ascending else np.lexsort((synapse, -n_voxels, target, source))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(source[order]) != 0) | (np.diff(target[order]) != 0)
    starts = np.flatnonzero(new)
    counts = rows.n_synapses if rows.synapse is None else _mark_first(source, target, synapse)
    first = order[starts]
    nowhere = (np.full(len(source), np.nan),) * 3
    table = make_table(
        "edges",
        {
            "source": source[first],
            "target": target[first],
            "n_synapses": _sum_groups(counts[order], starts, where),
            "n_voxels": _sum_groups(n_voxels[order], starts, where),
            **{axis: values[first] for axis, values in zip(_AXES, rows.position or nowhere, strict=True)},
        },
    )
    return table[table["n_synapses"] > 0].reset_index(drop=True)


def _ascends(source: Ids, target: Ids) -> bool:
    """Whether the pairs are in order and no two the same, as in the files that we write."""
    later = source[1:] > source[:-1]
    return bool((later | ((source[1:] == source[:-1]) & (target[1:] > target[:-1]))).all())


def _mark_first(source: Ids, target: Ids, synapse: Ids) -> npt.NDArray[np.int64]:
    """1 for the first row of each (pair, synapse), 0 for its repetitions."""
    order = np.lexsort((synapse, target, source))
    new = np.ones(len(order), bool)
    new[1:] = np.any([np.diff(part[order]) != 0 for part in (source, target, synapse)], axis=0)
    marks = np.zeros(len(order), np.int64)
    marks[order[new]] = 1
    return marks


def _sum_groups(values: npt.NDArray[np.int64], starts: npt.NDArray[np.intp], where: str) -> npt.NDArray[np.int64]:
    if values.astype(np.float64).sum() >= 2**63:
        raise SchemaError(f"{where}: the counts add up to more than 2^63; are they counts?")
    return np.add.reduceat(values, starts) if len(starts) else values
