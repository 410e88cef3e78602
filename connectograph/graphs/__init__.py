"""Graphs: links to edges, edges to networkx and back, adjacency, and two graphs brought onto the same nodes.

Conventions: nodes are segment ids (python ints in networkx, uint64 in tables), degree 0 included; an undirected edge
has source < target; the number of synapses is `n_synapses` (there is no generic ``weight``).

Functions: :func:`build_edges`, :func:`build_graph`, :func:`edges_of`, :func:`adjacency`, :func:`align`.
"""

from connectograph.graphs.alignment import AlignedEdges, align, as_aligned
from connectograph.graphs.building import (
    adjacency,
    build_edges,
    build_graph,
    compress_adjacency,
    edges_of,
    nodes_of,
    tabulate_graph,
    tabulate_nodes,
)

__all__ = [
    "AlignedEdges",
    "adjacency",
    "align",
    "as_aligned",
    "build_edges",
    "build_graph",
    "compress_adjacency",
    "edges_of",
    "nodes_of",
    "tabulate_graph",
    "tabulate_nodes",
]
