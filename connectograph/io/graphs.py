"""Graphs on disk: GraphML, and adjacency matrices as sparse arrays, id lists and pictures.

Node ids are strings in GraphML, attributes carry the tables' column names, and a value that is undefined (None, NaN)
is left out. GraphML is read by networkx, but written here: networkx declares numpy's numbers as 32-bit types, and
takes five times as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from connectograph._networkx import nx
from connectograph.errors import InputError, SchemaError
from connectograph.io.files import explain_errors, save_npz, write_atomic
from connectograph.tables import SCHEMAS, as_ids

__all__ = ["CompressedRows", "GraphColumns", "NodeColumns", "read_graphml", "write_adjacency", "write_graphml"]

_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
_ID_COLUMNS = {column for schema in SCHEMAS.values() for column, dtype in schema.items() if dtype == "uint64"}
_ENTITIES = str.maketrans({character: f"&#{ord(character)};" for character in '&<>"\t\n\r'})
_NOT_XML = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"  # takes long to compile
_VOXEL_SIZE = "voxel_size_nm"
_MAX_PIXELS = 1000
_KINDS = {bool: "boolean", int: "long", float: "double", str: "string"}

Attributes = dict[str, Any]


@dataclass(frozen=True, eq=False)
class CompressedRows:
    """A sparse square matrix, as scipy.sparse.csr_array holds it: what a file needs of it, without importing scipy.

    Attributes
    ----------
    data : (E,) array of int64
        Values, row by row.
    indices : (E,) array of int64
        Their columns, ascending in each row.
    indptr : (N + 1,) array of int64
        Where each row begins in both.
    """

    data: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]
    indptr: npt.NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.indptr) - 1, len(self.indptr) - 1


@dataclass(frozen=True, eq=False)
class _Column:
    """One attribute of all nodes or all edges; None where it is absent."""

    domain: str
    name: str
    kind: str
    values: list[Any]


@dataclass(frozen=True, eq=False)
class NodeColumns:
    """The nodes of a graph, or of several: what they become in files is found once for all of them.

    Attributes
    ----------
    ids : list of int
        Ascending.
    data : dict of str to list
        Attributes in the order of `ids`; None or NaN where a node has none.
    """

    ids: list[int]
    data: dict[str, list[Any]]

    @cached_property
    def columns(self) -> list[_Column]:
        return list(_columns("node", self.data))

    @cached_property
    def lines(self) -> list[str]:
        """In GraphML, where the attributes of nodes are the first."""
        starts = [f'<node id="{node}">' for node in self.ids]
        return list(_format_lines("node", starts, self.columns, "</node>\n"))


@dataclass(frozen=True, eq=False)
class GraphColumns:
    """A graph as columns: what a file needs of it, without a networkx object.

    Attributes
    ----------
    directed : bool
    attributes : dict
        Of the graph itself.
    nodes : NodeColumns
    edges : list of pairs of int
        Ascending; of an undirected graph the smaller id first.
    edge_data : dict of str to list
        Attributes in the order of `edges`.
    """

    directed: bool
    attributes: Attributes
    nodes: NodeColumns
    edges: list[tuple[int, int]]
    edge_data: dict[str, list[Any]]


def write_graphml(graph: nx.Graph | GraphColumns, path: str | Path) -> None:
    """Write a graph as GraphML; the same graph gives the same bytes, in whatever order it was built.

    Parameters
    ----------
    graph : networkx.Graph, networkx.DiGraph or GraphColumns
        Nodes are ids; attributes numbers, booleans or text.
    path : str or Path
        Written whole or not at all.

    Raises
    ------
    SchemaError
        If a node is no id, or an attribute is of another type.
    InputError
        If it is a multigraph, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> graph = nx.Graph(voxel_size_nm=(40.0, 4.0, 4.0))
    >>> graph.add_edge(2**64 - 3, 7, n_synapses=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_graphml(graph, f"{folder}/a.graphml")
    ...     back = read_graphml(f"{folder}/a.graphml")
    >>> list(back.edges(data=True)), back.graph
    ([(7, 18446744073709551613, {'n_synapses': 2})], {'voxel_size_nm': (40.0, 4.0, 4.0)})
    """
    if not isinstance(graph, GraphColumns):
        if graph.is_multigraph():
            raise InputError(f"{path}: a multigraph has several edges for a pair; sum them into n_synapses first.")
        graph = _as_columns(graph)
    write_atomic(path, "".join(_format_graph(graph)))


def read_graphml(path: str | Path) -> nx.Graph:
    """Read a graph from GraphML.

    Parameters
    ----------
    path : str or Path
        Node ids must be ids; one graph, with at most one edge for a pair.

    Returns
    -------
    networkx.Graph or networkx.DiGraph
        Nodes are ints.

    Raises
    ------
    InputError
        If the file is no GraphML, or a pair has two edges.
    SchemaError
        If a node is no id.
    """
    from xml.etree.ElementTree import ParseError

    try:
        with open(path, "rb") as stream:
            graph = nx.read_graphml(stream, node_type=_node_id)
        for data in (graph.graph, *graph.nodes.values(), *(data for *_, data in graph.edges(data=True))):
            _restore(data)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error
    except (ParseError, nx.NetworkXException, LookupError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no GraphML that can be used ({error}). Is the file complete?") from error
    if graph.is_multigraph():
        raise InputError(f"{path}: some pair has several edges; sum them into one edge with n_synapses first.")
    for name in ("node_default", "edge_default"):
        graph.graph.pop(name, None)
    return graph


def write_adjacency(folder: str | Path, matrix: CompressedRows, nodes: npt.NDArray[np.uint64], name: str) -> int:
    """Write a matrix of synapse numbers: ``{name}.npz``, ``{name}_ids.csv`` and ``{name}.png``.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there.
    matrix : CompressedRows
        (N, N), from :func:`connectograph.graphs.compress_adjacency`.
    nodes : (N,) array of uint64
        Ids of rows and columns.
    name : str
        Beginning of the file names.

    Returns
    -------
    int
        Neurons for each pixel of the picture along an axis (1 up to 1000 neurons). The picture leaves out neurons
        without a connection, is darker (logarithmically) where there are more synapses, and states both numbers in
        its text field ``Description``.

    Notes
    -----
    ``scipy.sparse.load_npz`` reads the matrix: row i belongs to line i of the id list.

    Examples
    --------
    >>> import tempfile
    >>> from scipy.sparse import load_npz
    >>> matrix = CompressedRows(data=np.array([300, 300]), indices=np.array([1, 0]), indptr=np.array([0, 1, 2]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_adjacency(folder, matrix, np.array([4, 9], "uint64"), "truth")
    ...     load_npz(f"{folder}/truth.npz").toarray().tolist()
    1
    [[0, 300], [300, 0]]
    """
    place = Path(folder)
    with explain_errors(place):
        place.mkdir(parents=True, exist_ok=True)
    arrays = {"indices": matrix.indices, "indptr": matrix.indptr, "data": matrix.data}
    header = {"format": np.array(b"csr"), "shape": np.array(matrix.shape, np.int64), "_is_array": np.array(True)}
    save_npz(place / f"{name}.npz", {**arrays, **header})
    write_atomic(place / f"{name}_ids.csv", "segment_id\n" + "".join(f"{node}\n" for node in nodes.tolist()))
    picture, step = _draw_matrix(matrix)
    write_atomic(place / f"{name}.png", lambda stream: _write_png(stream, picture, step))
    return step


def _as_columns(graph: nx.Graph) -> GraphColumns:
    """A networkx graph in the order of the ids."""
    directed = graph.is_directed()
    ids = dict(zip(graph.nodes, as_ids(graph.nodes, "nodes").tolist(), strict=True))
    items = sorted(((ids[node], data) for node, data in graph.nodes(data=True)), key=itemgetter(0))
    edges = sorted(
        ((_order_pair(ids[a], ids[b], directed), data) for a, b, data in graph.edges(data=True)), key=itemgetter(0)
    )
    nodes = NodeColumns([node for node, _ in items], _gather_values([data for _, data in items]))
    edge_data = _gather_values([data for _, data in edges])
    return GraphColumns(directed, graph.graph, nodes, [pair for pair, _ in edges], edge_data)


def _order_pair(source: int, target: int, directed: bool) -> tuple[int, int]:
    return (source, target) if directed or source <= target else (target, source)


def _gather_values(rows: list[Attributes]) -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in set().union(*rows)}


def _format_graph(graph: GraphColumns) -> Iterator[str]:
    """GraphML in the order of the ids."""
    columns = [
        *graph.nodes.columns,
        *_columns("edge", graph.edge_data),
        *_columns("graph", _gather_values([graph.attributes])),
    ]
    yield _HEAD
    for index, column in enumerate(columns):
        yield f'<key id="k{index}" for="{column.domain}" attr.name="{_text(column.name)}" attr.type="{column.kind}"/>\n'
    yield f'<graph edgedefault="{"directed" if graph.directed else "undirected"}">\n'
    yield from _format_lines("graph", [""], columns, "\n")
    yield from graph.nodes.lines
    starts = [f'<edge source="{source}" target="{target}">' for source, target in graph.edges]
    yield from _format_lines("edge", starts, columns, "</edge>\n")
    yield "</graph>\n</graphml>\n"


def _columns(domain: str, data: dict[str, list[Any]]) -> Iterator[_Column]:
    """The attributes of the nodes, the edges or the graph that GraphML can hold, in the order of their names."""
    for name, column in sorted(data.items()):
        values = column
        if set(map(type, values)) - _KINDS.keys():
            values = [_plain(name, value) for value in values]
        if name in _ID_COLUMNS:
            values = [value if value is None else str(value) for value in values]
        kinds = {_kind(name, values, type_) for type_ in set(map(type, values)) - {type(None)}}
        if kinds:
            yield _Column(domain, name, _common_kind(name, kinds), values)


def _plain(name: str, value: Any) -> Any:
    """An attribute as a Python value."""
    plain = value.item() if isinstance(value, np.generic) else value
    if name == _VOXEL_SIZE and plain is not None and not isinstance(plain, str):
        return ",".join(repr(float(size)) for size in plain)
    return plain


def _kind(name: str, values: list[Any], type_: type) -> str:
    """GraphML's name for one of the types of a column."""
    if type_ not in _KINDS:
        value = next(value for value in values if type(value) is type_)
        raise SchemaError(f"attribute {name!r} is {value!r}; GraphML holds numbers, True or False, and text.")
    if type_ is int:
        whole = [value for value in values if type(value) is int]
        return "long" if min(whole) >= -(2**63) and max(whole) < 2**63 else "string"
    return _KINDS[type_]


def _common_kind(name: str, kinds: set[str]) -> str:
    """The narrowest type that holds all values."""
    if kinds == {"long", "double"}:
        return "double"
    if kinds == {"long", "string"}:
        return "string"
    if len(kinds) > 1:
        raise SchemaError(f"attribute {name!r} mixes the types {', '.join(sorted(kinds))}.")
    return min(kinds)


def _format_lines(domain: str, starts: list[str], columns: list[_Column], end: str) -> Iterator[str]:
    """The line of every node or edge: its start, its data, its end."""
    data = [_format_data(f"k{i}", column) for i, column in enumerate(columns) if column.domain == domain]
    return map("".join, zip(starts, *data, repeat(end)))


def _format_data(key: str, column: _Column) -> list[str]:
    """The data element of every row; none where the value is undefined."""
    start = f'<data key="{key}">'
    if column.kind in ("long", "double"):
        numbers = ["" if value is None or value != value else f"{start}{value!r}</data>" for value in column.values]
        if column.kind == "long":
            return numbers
        return [number.replace(">inf", ">INF").replace("-inf", "-INF") for number in numbers]
    return ["" if value is None else f"{start}{_text(value)}</data>" for value in column.values]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return str(value).lower()
    allowed = value if value.isprintable() else re.sub(_NOT_XML, "\ufffd", value)
    return allowed.translate(_ENTITIES)


def _node_id(text: str | None) -> int:
    number = int(text) if text and text.isdecimal() else -1
    if not 0 <= number < 2**64:
        raise SchemaError(f"node {text!r} is no id; ids are whole numbers from 0 to 2^64-1.")
    return number


def _restore(data: Attributes) -> None:
    """Ids and the voxel size as they were before they became text."""
    for name in _ID_COLUMNS & data.keys():
        data[name] = int(data[name])
    if isinstance(data.get(_VOXEL_SIZE), str):
        data[_VOXEL_SIZE] = tuple(float(size) for size in data[_VOXEL_SIZE].split(","))


def _draw_matrix(matrix: CompressedRows) -> tuple[npt.NDArray[np.uint8], int]:
    """Grey picture of the connected neurons, and how many of them share a pixel along an axis."""
    row, column = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.indices
    connected = np.unique(np.concatenate([row, column]))
    step = max(1, -(-len(connected) // _MAX_PIXELS))
    size = max(1, -(-len(connected) // step))
    total = np.zeros((size, size), np.int64)
    place = (np.searchsorted(connected, row) // step, np.searchsorted(connected, column) // step)
    np.add.at(total, place, matrix.data)
    # one synapse must still be seen beside a thousand
    dark = 55 + 200 * np.log1p(total) / np.log1p(max(1, total.max()))
    return np.where(total > 0, 255 - dark, 255).astype(np.uint8), step


def _write_png(stream: BinaryIO, picture: npt.NDArray[np.uint8], step: int) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Description", f"Synapses between connected neurons; one pixel is {step} x {step} neurons.")
    Image.fromarray(picture).save(stream, format="png", pnginfo=text)
