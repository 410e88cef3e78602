"""networkx, loaded when it is first used: edge tables need none, and it takes a tenth of a second to import."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

__all__ = ["is_graph", "nx"]

if TYPE_CHECKING:
    import networkx as nx
else:

    class _Networkx:
        def __getattr__(self, name: str) -> Any:
            import networkx

            return getattr(networkx, name)

    nx = _Networkx()


def is_graph(value: object) -> TypeGuard[nx.Graph]:
    """Whether this is a graph of networkx; nobody has one before networkx is loaded.

    Examples
    --------
    >>> is_graph(nx.DiGraph()), is_graph("a.graphml")
    (True, False)
    """
    return "networkx" in sys.modules and isinstance(value, nx.Graph)
