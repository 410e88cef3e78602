"""Two connectomes between types of neurons: which types are connected how densely."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing
from connectograph.errors import SchemaError
from connectograph.graphs import AlignedEdges, as_aligned
from connectograph.tables import as_ids, make_table

__all__ = ["TypeComparison", "compare_types"]

_Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class TypeComparison(Shown):
    """Densities of connections between types of neurons.

    Attributes
    ----------
    n_types : int
    n_typed, n_untyped : int
        Neurons with a type, and those without, which are left out.
    n_blocks : int
        Pairs of types with a connection in either graph.
    relative_error : float
        Sum of \\|difference of the densities\\| / sum of the true densities: 0 is equal, 1 as far off as no connection.
    rmse_log2 : float
        Root of the mean square of the log2 ratios: 1 = the numbers of connections are off by a factor of two.
    table : pandas.DataFrame
        The table "type_blocks": one row for each such pair of types, undirected the smaller name first.

    Examples
    --------
    Two of type a project to two of type b; of these four connections the prediction finds three:

    >>> truth = nx.DiGraph([(1, 3), (1, 4), (2, 3), (2, 4)])
    >>> found = compare_types(truth, nx.DiGraph([(1, 3), (1, 4), (2, 3)]), types={1: "a", 2: "a", 3: "b", 4: "b"})
    >>> found.relative_error, found.table[["source_type", "target_type", "density_predicted"]].values.tolist()
    (0.25, [['a', 'b', 0.75]])
    """

    n_types: int
    n_typed: int
    n_untyped: int
    n_blocks: int
    relative_error: float
    rmse_log2: float
    table: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Everything but the table; an undefined number is None with its reason beside it."""
        numbers = {name: value for name, value in vars(self).items() if name != "table"}
        reasons = {"relative_error": "the truth has no connection between neurons with a type"}
        return explain_missing(numbers, {**reasons, "rmse_log2": "no two neurons with a type are connected"})


def compare_types(
    truth: nx.Graph | pd.DataFrame | AlignedEdges,
    predicted: nx.Graph | pd.DataFrame | None = None,
    *,
    types: Mapping[int, str] | pd.DataFrame,
) -> TypeComparison:
    """Compare how densely known types of neurons are connected.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`.
    types : mapping of int to str, or pandas.DataFrame
        Type of each neuron by its id, or a table whose first column holds the ids and whose second the types; no type
        (empty, missing) is the same as not listed.

    Returns
    -------
    TypeComparison

    Raises
    ------
    InputError
        If one graph is directed and the other is not.
    SchemaError
        If a neuron is listed twice, or an id is none.

    Notes
    -----
    Density of a block (s, t): E_st / N_st, with E_st its connections and N_st the pairs of neurons that there are, n_s
    n_t, within a type n (n - 1), half of that if undirected: the maximum-likelihood stochastic block model of the types
    [1]_. Relative error: sum \\|d' - d\\| / sum d; RMSE: sqrt(mean log2((E' + 0.5) / (E + 0.5))^2) over the blocks with
    a connection in either graph. O(edges + neurons).

    References
    ----------
    .. [1] P. W. Holland, K. B. Laskey, S. Leinhardt, Social Networks 5, 109-137, 1983.

    Examples
    --------
    >>> compare_types(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2)]), types={1: "a", 2: "b", 3: ""}).to_dict()
    {'n_types': 2, 'n_typed': 2, 'n_untyped': 1, 'n_blocks': 1, 'relative_error': 0.0, 'rmse_log2': 0.0}
    """
    both = as_aligned(truth, predicted)
    names, code = _find_types(both.nodes, types)
    size = np.bincount(code[code >= 0], minlength=len(names))
    source, target = code[both.source], code[both.target]
    typed = (source >= 0) & (target >= 0)
    source, target = source[typed], target[typed]
    if not both.directed:
        source, target = np.minimum(source, target), np.maximum(source, target)
    blocks, which = np.unique(source * max(len(names), 1) + target, return_inverse=True)
    sides = [np.bincount(which[weight[typed] > 0], minlength=len(blocks)) for weight in (both.truth, both.predicted)]
    table = _tabulate(names, size, blocks, sides, both.directed)
    density = table["density_truth"].to_numpy()
    log2 = table["log2_ratio"].to_numpy()
    return TypeComparison(
        n_types=int((size > 0).sum()),
        n_typed=int((code >= 0).sum()),
        n_untyped=int((code < 0).sum()),
        n_blocks=len(table),
        relative_error=divide(float(np.abs(table["density_predicted"] - density).sum()), float(density.sum())),
        rmse_log2=math.sqrt(float((log2**2).mean())) if len(log2) else math.nan,
        table=table,
    )


def _find_types(nodes: _Array, types: Mapping[int, str] | pd.DataFrame) -> tuple[_Array, _Array]:
    """Names of the types, ascending; and of each node the place of its type among them, -1 without one."""
    if isinstance(types, pd.DataFrame):
        if types.shape[1] < 2:
            raise SchemaError(f"types has {types.shape[1]} columns; expected two: the id and the type of each neuron.")
        listed, given = as_ids(types.iloc[:, 0], "types, first column"), types.iloc[:, 1].tolist()
    else:
        listed, given = as_ids(list(types), "types"), list(types.values())
    labels = np.array([name if isinstance(name, str) else "" for name in given], dtype=object)
    order = np.argsort(listed, kind="stable")
    listed, labels = listed[order], labels[order]
    again = np.flatnonzero(listed[1:] == listed[:-1])
    if len(again):
        raise SchemaError(f"types: neuron {listed[again[0]]} is listed twice; give each neuron one type.")
    known = np.isin(listed, nodes) & (labels != "")
    names, place = np.unique(labels[known].astype(str), return_inverse=True)
    code = np.full(len(nodes), -1)
    code[np.searchsorted(nodes, listed[known])] = place
    return names, code


def _tabulate(names: _Array, size: _Array, blocks: _Array, sides: list[_Array], directed: bool) -> pd.DataFrame:
    """The table "type_blocks" from the numbers of connections of each block."""
    source, target = np.divmod(blocks, max(len(names), 1))
    within = size[source] * (size[source] - 1) // (1 if directed else 2)
    n_pairs = np.where(source == target, within, size[source] * size[target])
    truth, predicted = sides
    columns = {
        "source_type": names[source],
        "target_type": names[target],
        "n_pairs": n_pairs,
        "n_edges_truth": truth,
        "n_edges_predicted": predicted,
        "density_truth": truth / n_pairs,
        "density_predicted": predicted / n_pairs,
        "log2_ratio": np.log2(predicted + 0.5) - np.log2(truth + 0.5),
    }
    return make_table("type_blocks", columns)
