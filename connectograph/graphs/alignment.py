"""Two graphs or edge tables brought onto the same nodes, once for all measures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph.errors import InputError, SchemaError
from connectograph.graphs.building import edges_of, nodes_of
from connectograph.tables import as_ids, validate_table

__all__ = ["AlignedEdges", "align", "as_aligned"]

_Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class AlignedEdges:
    """Two graphs on the same nodes: every pair that is an edge of either, with both numbers of synapses.

    Attributes
    ----------
    nodes : (N,) array of uint64
        Segment ids, ascending.
    source, target : (E,) arrays of int64
        Positions in `nodes`, sorted by (source, target), never equal; source < target when undirected.
    truth, predicted : (E,) arrays of int64
        Synapses of the pair in either graph; 0 where it is no edge.
    directed : bool
    autapses_truth, autapses_predicted : int
        Segments joined with themselves: counted apart, in no score.

    Examples
    --------
    >>> both = align(nx.Graph([(7, 9)]), nx.Graph([(7, 7)]))
    >>> both.truth.tolist(), both.predicted.tolist(), both.autapses_predicted
    ([1], [0], 1)
    """

    nodes: npt.NDArray[np.uint64]
    source: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    directed: bool
    autapses_truth: int = 0
    autapses_predicted: int = 0


def align(
    truth: nx.Graph | pd.DataFrame,
    predicted: nx.Graph | pd.DataFrame,
    *,
    nodes: Iterable[int] | None = None,
    directed: bool | None = None,
) -> AlignedEdges:
    """Bring two graphs or edge tables onto the same sorted nodes, once for all measures.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or pandas.DataFrame
        Never changed. An edge table needs only `source`, `target` and `n_synapses` (1 or more); its nodes are the
        ends of its edges.
    nodes : iterable of int, optional
        Further nodes (those without edges).
    directed : bool, optional
        Of edge tables (default False); graphs know it themselves.

    Returns
    -------
    AlignedEdges

    Raises
    ------
    InputError
        If one is directed and the other is not.
    SchemaError
        If a pair occurs twice, or has fewer than 1 synapse.

    Notes
    -----
    Ids are numbered by hashing, and the two lists of pairs, sorted by counting where they are not sorted already,
    joined in one pass: O(edges + nodes log nodes).

    Examples
    --------
    >>> both = align(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(2, 1)]))
    >>> both.nodes.tolist(), both.truth.tolist(), both.predicted.tolist()
    ([1, 2, 3], [1, 1], [1, 0])
    """
    from connectograph._kernels.edges import map_both, merge_pairs, number_pairs

    direction = _common_direction(truth, predicted, directed)
    left, right = _ends_and_weights(truth), _ends_and_weights(predicted)
    isolated = [nodes_of(graph) for graph in (truth, predicted) if not isinstance(graph, pd.DataFrame)]
    isolated.append(as_ids([] if nodes is None else nodes, "nodes"))
    sides, n_pairs = (left, right), len(left[0]) + len(right[0])
    numbered = map_both(lambda side: number_pairs(*side[:2]), n_pairs, sides)
    every = np.unique(np.concatenate([*(ids for ids, _ in numbered), *isolated]))
    ranks = [np.searchsorted(every, ids).astype(np.uint32) for ids, _ in numbered]
    ordered = map_both(
        lambda one, side, rank: _pairs(one[1], side[2], rank, direction), n_pairs, numbered, sides, ranks
    )
    pairs, autapses = zip(*ordered, strict=True)
    return AlignedEdges(every, *merge_pairs(*pairs), direction, *autapses)


def as_aligned(
    truth: nx.Graph | pd.DataFrame | AlignedEdges, predicted: nx.Graph | pd.DataFrame | None = None
) -> AlignedEdges:
    """What every comparison takes: two graphs or edge tables, aligned here, or an alignment made before.

    Examples
    --------
    >>> both = as_aligned(nx.Graph([(1, 2)]), nx.Graph())
    >>> as_aligned(both) is both
    True
    """
    if isinstance(truth, AlignedEdges):
        return truth
    if predicted is None:
        raise TypeError("compare takes two graphs or edge tables, or one AlignedEdges.")
    return align(truth, predicted)


def _common_direction(truth: Any, predicted: Any, directed: bool | None) -> bool:
    given = {graph.is_directed() for graph in (truth, predicted) if not isinstance(graph, pd.DataFrame)}
    given |= set() if directed is None else {directed}
    if len(given) > 1:
        raise InputError("One graph is directed and the other is not; compare like with like (graph.to_undirected()).")
    return given.pop() if given else False


def _ends_and_weights(graph: nx.Graph | pd.DataFrame) -> tuple[_Array, _Array, _Array]:
    """Source, target and number of synapses of every edge; of a table, no other column is looked at."""
    columns = ["source", "target", "n_synapses"]
    table = validate_table("edges", graph, columns) if isinstance(graph, pd.DataFrame) else edges_of(graph)
    source, target, weight = (table[name].to_numpy() for name in columns)
    weak = np.flatnonzero(weight < 1)
    if len(weak):
        raise SchemaError(
            f"edges.n_synapses: {len(weak)} pairs have fewer than 1 synapse, the first is {source[weak[0]]} to "
            f"{target[weak[0]]} with {weight[weak[0]]}; leave out pairs without a synapse."
        )
    return source, target, weight


def _pairs(keys: _Array, weight: _Array, rank: _Array, directed: bool) -> tuple[tuple[_Array, _Array], int]:
    """Keys of the pairs, ascending, with their synapses; and the number of autapses. `keys` is overwritten."""
    from connectograph._kernels.edges import rank_pairs, sort_pairs

    n_autapses, ascending = rank_pairs(keys, rank, directed)
    if not ascending:
        keys, weight = sort_pairs(keys, weight, len(rank))
    if (keys[1:] == keys[:-1]).any():
        raise SchemaError("edges: a pair occurs twice; sum its rows first (build_edges does).")
    if n_autapses:
        apart = (keys >> 32) != (keys & (2**32 - 1))
        keys, weight = keys[apart], weight[apart]
    return (keys, weight), n_autapses
