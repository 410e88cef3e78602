"""Links to edges, edges to networkx and back, and the adjacency matrix."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph._version import __version__
from connectograph.errors import InputError, SchemaError
from connectograph.io.graphs import CompressedRows, GraphColumns, NodeColumns
from connectograph.tables import as_ids, make_table, validate_table
from connectograph.volumes import Triple

__all__ = [
    "adjacency",
    "build_edges",
    "build_graph",
    "compress_adjacency",
    "edges_of",
    "nodes_of",
    "tabulate_graph",
    "tabulate_nodes",
]

_NODE_COLUMNS = ("n_voxels", "volume_nm3", "z_nm", "y_nm", "x_nm")
_EDGE_COLUMNS = ("n_synapses", "n_voxels", "z_nm", "y_nm", "x_nm")


def build_edges(links: pd.DataFrame) -> pd.DataFrame:
    """Edges: links summed over synapses.

    Parameters
    ----------
    links : pandas.DataFrame
        The table "links"; all directed or none.

    Returns
    -------
    pandas.DataFrame
        The table "edges": `n_synapses` is the number of distinct synapses, `n_voxels` the sum over links; the
        position is that of the link with most voxels (ties: smallest synapse id).

    Raises
    ------
    SchemaError
        If a column is missing, or an undirected link has source > target.

    Examples
    --------
    >>> links = make_table("links", {"synapse_id": [1, 2], "source": [4, 4], "target": [7, 7], "directed": [False] * 2,
    ...     "n_voxels": [10, 30], "score": [np.nan] * 2, "z_nm": [0.0, 40.0], "y_nm": [0.0, 0.0], "x_nm": [0.0, 0.0]})
    >>> build_edges(links)[["n_synapses", "n_voxels", "z_nm"]].to_dict("list")
    {'n_synapses': [2], 'n_voxels': [40], 'z_nm': [40.0]}
    """
    validate_table("links", links)
    if (~links["directed"] & (links["source"] > links["target"])).any():
        raise SchemaError("links: an undirected link has source > target; write each pair with the smaller id first.")
    rows = links.sort_values(["source", "target", "n_voxels", "synapse_id"], ascending=[True, True, False, True])
    pair = ["source", "target"]
    grouped = rows.groupby(pair, sort=True)
    first = rows.drop_duplicates(pair)
    return make_table(
        "edges",
        {
            **{name: first[name].to_numpy() for name in (*pair, "z_nm", "y_nm", "x_nm")},
            "n_synapses": grouped["synapse_id"].nunique().to_numpy(dtype=np.int64),
            "n_voxels": grouped["n_voxels"].sum().to_numpy(dtype=np.int64),
        },
    )


def build_graph(
    edges: pd.DataFrame,
    nodes: pd.DataFrame | Iterable[int],
    *,
    directed: bool = False,
    kind: str = "connectome",
    name: str = "",
    voxel_size: Triple | None = None,
) -> nx.Graph:
    """A plain networkx graph with all nodes, degree 0 included.

    Parameters
    ----------
    edges : pandas.DataFrame
        The table "edges", one row a pair.
    nodes : pandas.DataFrame or iterable of int
        The table "segments" (kept rows become nodes, with size and centroid), or ids.
    directed : bool
        A ``DiGraph`` instead of a ``Graph``.
    kind, name : str
        Kept in ``graph.graph``.
    voxel_size : tuple of 3 floats, optional
        (z, y, x) in nm, kept in ``graph.graph``.

    Returns
    -------
    networkx.Graph or networkx.DiGraph
        Nodes are ints; attributes carry the tables' column names.

    Raises
    ------
    SchemaError
        If a pair occurs twice or an edge ends at no node.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> build_graph(empty_table("edges"), [3, 5]).number_of_nodes()
    2
    """
    columns = tabulate_graph(edges, nodes, directed=directed, kind=kind, name=name, voxel_size=voxel_size)
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.graph.update(columns.attributes)
    graph.add_nodes_from(zip(columns.nodes.ids, _records(columns.nodes.data, len(columns.nodes.ids)), strict=True))
    sources, targets = zip(*columns.edges, strict=True) if columns.edges else ((), ())
    graph.add_edges_from(zip(sources, targets, _records(columns.edge_data, len(sources)), strict=True))
    return graph


def tabulate_graph(
    edges: pd.DataFrame,
    nodes: pd.DataFrame | Iterable[int] | NodeColumns,
    *,
    directed: bool = False,
    kind: str = "connectome",
    name: str = "",
    voxel_size: Triple | None = None,
) -> GraphColumns:
    """What :func:`build_graph` makes, as columns: enough to write the graph, and much quicker made.

    Parameters
    ----------
    edges, nodes, directed, kind, name, voxel_size
        As in :func:`build_graph`; nodes that several graphs share can be given as :func:`tabulate_nodes` makes them.

    Returns
    -------
    GraphColumns

    Raises
    ------
    SchemaError
        If a pair occurs twice or an edge ends at no node.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> tabulate_graph(empty_table("edges"), [5, 3]).nodes.ids
    [3, 5]
    """
    validate_table("edges", edges)
    if edges.duplicated(["source", "target"]).any():
        raise SchemaError("edges: a pair occurs twice; sum its rows first (build_edges does).")
    columns = nodes if isinstance(nodes, NodeColumns) else tabulate_nodes(nodes)
    ends = np.concatenate([edges["source"].to_numpy(), edges["target"].to_numpy()])
    unknown = np.setdiff1d(ends, np.array(columns.ids, np.uint64))
    if len(unknown):
        raise SchemaError(f"edges: {len(unknown)} ids are no nodes, e.g. {unknown[0]}; give all segments as nodes.")
    ordered = edges.sort_values(["source", "target"])
    return GraphColumns(
        directed,
        {"kind": kind, "name": name, "voxel_size_nm": voxel_size, "connectograph": __version__},
        columns,
        list(zip(ordered["source"].tolist(), ordered["target"].tolist(), strict=True)),
        {column: ordered[column].tolist() for column in _EDGE_COLUMNS},
    )


def tabulate_nodes(nodes: pd.DataFrame | Iterable[int]) -> NodeColumns:
    """Nodes as columns, ascending.

    Parameters
    ----------
    nodes : pandas.DataFrame or iterable of int
        The table "segments" (kept rows become nodes, with size and centroid), or ids.

    Returns
    -------
    NodeColumns

    Examples
    --------
    >>> tabulate_nodes([5, 3]).ids
    [3, 5]
    """
    if not isinstance(nodes, pd.DataFrame):
        return NodeColumns(np.unique(as_ids(nodes, "nodes")).tolist(), {})
    kept = nodes[nodes["status"].isin(["kept", "split_off"])].sort_values("segment_id")
    return NodeColumns(kept["segment_id"].tolist(), {column: kept[column].tolist() for column in _NODE_COLUMNS})


def edges_of(graph: nx.Graph | pd.DataFrame) -> pd.DataFrame:
    """The table "edges" of a networkx graph (or of an edge table, checked).

    Parameters
    ----------
    graph : networkx.Graph or pandas.DataFrame
        Edge attributes `n_synapses` (1 where absent), `n_voxels` (0), positions (NaN).

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> graph = nx.Graph([(9, 4, {"n_synapses": 2})])
    >>> next(edges_of(graph)[["source", "target", "n_synapses"]].itertuples(index=False, name=None))
    (4, 9, 2)
    """
    if isinstance(graph, pd.DataFrame):
        return validate_table("edges", graph)
    if graph.is_multigraph():
        raise InputError(
            "A multigraph has several edges for a pair; sum them into n_synapses and pass a Graph or DiGraph."
        )
    items = list(graph.edges(data=True))
    source, target = as_ids([u for u, _, _ in items], "nodes"), as_ids([v for _, v, _ in items], "nodes")
    if not graph.is_directed():
        source, target = np.minimum(source, target), np.maximum(source, target)
    return make_table(
        "edges",
        {
            "source": source,
            "target": target,
            "n_synapses": [int(data.get("n_synapses", 1)) for _, _, data in items],
            "n_voxels": [int(data.get("n_voxels", 0)) for _, _, data in items],
            **{axis: [float(data.get(axis, np.nan)) for _, _, data in items] for axis in ("z_nm", "y_nm", "x_nm")},
        },
    )


def nodes_of(graph: nx.Graph | pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Ids of all nodes of a graph, or of all ends of an edge table, ascending.

    Examples
    --------
    >>> nodes_of(nx.Graph([(9, 4)])).tolist()
    [4, 9]
    """
    if isinstance(graph, pd.DataFrame):
        from connectograph._kernels.edges import number_pairs

        return np.sort(number_pairs(as_ids(graph["source"]), as_ids(graph["target"]))[0])
    return np.unique(as_ids(graph.nodes, "nodes"))


def adjacency(edges: pd.DataFrame, nodes: npt.NDArray[np.uint64], *, directed: bool = False) -> Any:
    """Sparse matrix of synapse numbers.

    Parameters
    ----------
    edges : pandas.DataFrame
        The table "edges".
    nodes : (N,) array of uint64
        Rows and columns, ascending.
    directed : bool
        Rows are presynaptic; otherwise the matrix is symmetric.

    Returns
    -------
    scipy.sparse.csr_array
        (N, N), int64.

    Raises
    ------
    SchemaError
        If an edge ends at no node, or the nodes are not ascending.

    Examples
    --------
    >>> adjacency(edges_of(nx.Graph([(4, 9)])), np.array([4, 9], "uint64")).toarray().tolist()
    [[0, 1], [1, 0]]
    """
    from scipy.sparse import csr_array

    rows = compress_adjacency(edges, nodes, directed=directed)
    return csr_array((rows.data, rows.indices, rows.indptr), shape=rows.shape)


def compress_adjacency(edges: pd.DataFrame, nodes: npt.NDArray[np.uint64], *, directed: bool = False) -> CompressedRows:
    """The matrix of :func:`adjacency`, with the same parameters and errors, as its compressed rows.

    Examples
    --------
    >>> rows = compress_adjacency(edges_of(nx.Graph([(4, 9)])), np.array([4, 9], "uint64"))
    >>> rows.data.tolist(), rows.indices.tolist(), rows.indptr.tolist()
    ([1, 1], [1, 0], [0, 1, 2])
    """
    nodes = as_ids(nodes, "nodes")
    if (nodes[1:] <= nodes[:-1]).any():
        raise SchemaError("nodes are not ascending, each once; sort them (numpy.unique does).")
    ends = [validate_table("edges", edges)[end].to_numpy() for end in ("source", "target")]
    unknown = np.setdiff1d(np.concatenate(ends), nodes)
    if len(unknown):
        raise SchemaError(f"edges: {len(unknown)} ids are no nodes, e.g. {unknown[0]}; give all segments as nodes.")
    source, target = (_place(end, nodes) for end in ends)
    weight = edges["n_synapses"].to_numpy()
    if not directed:
        off = source != target
        source, target = np.concatenate([source, target[off]]), np.concatenate([target, source[off]])
        weight = np.concatenate([weight, weight[off]])
    cell = source * len(nodes) + target
    order = np.argsort(cell, kind="stable")  # the table is sorted, so there is little to do
    cell = cell[order]
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    summed = np.add.reduceat(weight[order], first) if len(first) else weight
    row, column = np.divmod(cell[first], max(1, len(nodes)))
    return CompressedRows(summed, column, np.searchsorted(row, np.arange(len(nodes) + 1)))


def _place(ids: npt.NDArray[np.uint64], nodes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    return np.searchsorted(nodes, ids).astype(np.int64)


def _records(columns: dict[str, list[Any]], count: int) -> list[dict[str, Any]]:
    """One dict a row; undefined positions are left out."""
    rows = zip(*columns.values(), strict=True) if columns else repeat((), count)
    return [{name: value for name, value in zip(columns, row, strict=True) if value == value} for row in rows]
