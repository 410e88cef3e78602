"""Two connectomes compared without volumes: edge tables, count matrices, graph files, networkx graphs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import is_graph, nx
from connectograph.compare import compare_edges, compare_types
from connectograph.compare.edges import describe_outcomes
from connectograph.errors import InputError, SchemaError
from connectograph.evaluation import content
from connectograph.evaluation.attribution import leave_out_causes
from connectograph.evaluation.measures import MEASURE_SETTINGS, describe_intervals, measure_connectomes
from connectograph.evaluation.result import Evaluation
from connectograph.evaluation.settings import check_proofread
from connectograph.evaluation.sparse import judge_measures, restrict_to_proofread
from connectograph.graphs import align, edges_of, nodes_of
from connectograph.io.edges import EdgeList, read_edges, read_match, read_types
from connectograph.report import write_verdict
from connectograph.tables import as_ids

__all__ = ["compare_connectomes"]

Connectome: TypeAlias = str | Path | pd.DataFrame | nx.Graph
"""A file, an edge table or a networkx graph."""

_NO_VOLUMES = "connectomes were compared without volumes"
_NO_SYNAPSES = "connectomes were compared without their synapses, so no error has a known cause"


def compare_connectomes(
    truth: Connectome,
    predicted: Connectome,
    *,
    directed: bool = False,
    match: str | Path | pd.DataFrame | None = None,
    proofread: Iterable[int] | None = None,
    types: str | Path | pd.DataFrame | None = None,
) -> Evaluation:
    """Compare two connectomes edge by edge, without volumes.

    Parameters
    ----------
    truth, predicted : path, edge table or networkx graph
        A file of :func:`connectograph.io.edges.read_edges` (edge table, synapse table, count matrix, graph), a table
        "edges", or a graph.
    directed : bool
        Whether source is presynaptic; of a networkx graph it must agree with the graph.
    match : path or DataFrame, optional
        Pairs (truth id, predicted id) of the same neuron. Neurons of the prediction are renamed by it; those without
        a pair are left out on both sides and counted.
    proofread : iterable of int, optional
        The true neurons that are proofread, if not all are; as in :func:`connectograph.evaluate`.
    types : path or DataFrame, optional
        Type of each true neuron (id, type): connections between types are compared too, as in
        :func:`connectograph.compare_types`.

    Returns
    -------
    Evaluation
        `strict` and the synapse tables are absent.

    Raises
    ------
    InputError
        If a file cannot be read, or one graph is directed and the other is not.

    Examples
    --------
    >>> ev = compare_connectomes(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2)]))
    >>> ev.edges.recall, ev.report["nodes"]["n_segments"]
    (0.5, 3)
    """
    return next(compare_cases(truth, [predicted], directed=directed, match=match, proofread=proofread, types=types))


def compare_cases(
    truth: Connectome,
    predicted: Iterable[Connectome],
    *,
    directed: bool = False,
    match: str | Path | pd.DataFrame | None = None,
    proofread: Iterable[int] | None = None,
    types: str | Path | pd.DataFrame | None = None,
) -> Iterator[Evaluation]:
    """Compare several predictions with one truth, which is read once.

    Parameters
    ----------
    truth, directed, match, proofread, types
        As in :func:`compare_connectomes`.
    predicted : iterable of connectomes

    Yields
    ------
    Evaluation
        Of each prediction. All are read before the first: what is wrong with one of them is said by then.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    true_side = _read(truth, directed, "truth")
    others = [_read(each, directed, "predicted") for each in predicted]
    pairs = read_match(match) if isinstance(match, (str, Path)) else match
    ids = None if proofread is None else check_proofread(proofread)
    named = read_types(types) if isinstance(types, (str, Path)) else types
    shared = time.perf_counter() - clock
    for other in others:
        clock = time.perf_counter()
        evaluation = _compare({"truth": true_side, "predicted": other}, pairs, ids, named)
        files = {"truth": {"path": true_side.name}, "predicted": {"path": other.name}}
        given = {"match": match, "types": types}
        files |= {role: {"path": str(path)} for role, path in given.items() if isinstance(path, (str, Path))}
        run = {
            "inputs": files,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(shared + time.perf_counter() - clock, 3),
        }
        yield replace(evaluation, run=run)


def _compare(
    sides: dict[str, EdgeList],
    pairs: pd.DataFrame | None,
    proofread: tuple[int, ...] | None,
    types: pd.DataFrame | None,
) -> Evaluation:
    """Two connectomes that were read, on the matched neurons if there are pairs, between proofread ones if listed."""
    directed, unmatched = sides["truth"].directed, {"truth": 0, "predicted": 0}
    if pairs is not None:
        sides, unmatched = _apply_match(sides, pairs)
    nodes = np.union1d(sides["truth"].nodes, sides["predicted"].nodes)
    tables = {f"edges_{name}": side.edges for name, side in sides.items()}
    sparse = None
    if proofread is not None:
        sparse = restrict_to_proofread(tables, nodes, proofread, directed=directed)
        tables, nodes = sparse.tables, sparse.nodes
    edges = tables["edges_truth"], tables["edges_predicted"]
    both = align(*edges, nodes=nodes, directed=directed)
    score = compare_edges(both)
    measures = measure_connectomes(both, tables, draw_nulls=True)
    tables |= {"edge_outcomes": describe_outcomes(both, *edges), **measures.tables}
    typed = {}
    if types is not None:
        found = compare_types(both, types=types)
        tables["type_blocks"], typed = found.table, {"types": found.to_dict()}
    report = {
        "schema": content.SCHEMA,
        "verdict": "",
        **content.describe_nodes(len(nodes), tables),
        **content.describe_edges(score, both, describe_intervals(both, tables)),
        **content.undefined("strict", _NO_VOLUMES),
        **measures.blocks,
        **typed,
        "excluded": {f"{name}_neurons_unmatched": count for name, count in unmatched.items()},
        **content.undefined("synapses", _NO_VOLUMES),
        **content.undefined("synapse_matching", _NO_VOLUMES),
        **leave_out_causes(_NO_SYNAPSES),
        **content.undefined("clefts", _NO_VOLUMES),
        "worst_errors": content.list_worst_errors(tables, None),
        "settings": {**describe_choices(directed, pairs, proofread, types), **MEASURE_SETTINGS},
        "inputs": {name: {"n_nodes": len(side.nodes), "n_edges": len(side.edges)} for name, side in sides.items()},
        "notices": [],
    }
    report["verdict"] = write_verdict(report)
    report = report if sparse is None else judge_measures(report, sparse)
    return Evaluation(score, None, tables, nodes, report, directed=directed)


def describe_choices(
    directed: bool, match: object, proofread: Iterable[int] | None, types: object = None
) -> dict[str, Any]:
    """The settings of a comparison in JSON form.

    Examples
    --------
    >>> describe_choices(True, None, [9, 4])
    {'directed': True, 'matched': False, 'proofread': ['4', '9']}
    """
    listed = {} if proofread is None else {"proofread": [str(i) for i in check_proofread(proofread)]}
    typed = {} if types is None else {"typed": True}
    return {"directed": directed, "matched": match is not None, **listed, **typed}


def _read(source: Connectome, directed: bool, role: str) -> EdgeList:
    """A connectome in any accepted form, with its nodes."""
    if isinstance(source, (str, Path)):
        return read_edges(source, directed=directed)
    if is_graph(source) and source.is_directed() != directed:
        kind = "directed" if source.is_directed() else "undirected"
        raise InputError(f"The {role} graph is {kind}, but directed={directed}: compare like with like.")
    if not isinstance(source, (nx.Graph, pd.DataFrame)):
        raise TypeError(f"The {role} is a {type(source).__name__}; expected a path, an edge table or a networkx graph.")
    return EdgeList(edges_of(source), nodes_of(source), directed, "")


def _apply_match(sides: dict[str, EdgeList], pairs: pd.DataFrame) -> tuple[dict[str, EdgeList], dict[str, int]]:
    """Both connectomes on the matched neurons, the prediction under the truth's ids."""
    own, other = _matched_ids(pairs)
    truth, lost_truth = _restrict(sides["truth"], own, own)
    predicted, lost_predicted = _restrict(sides["predicted"], other, own)
    return {"truth": truth, "predicted": predicted}, {"truth": lost_truth, "predicted": lost_predicted}


def _matched_ids(pairs: pd.DataFrame) -> list[npt.NDArray[np.uint64]]:
    """The true and the predicted ids of matched neurons, each only once."""
    if pairs.shape[1] < 2:
        raise SchemaError(f"match has {pairs.shape[1]} columns; expected two: the true id and the predicted id.")
    columns = [as_ids(pairs.iloc[:, k], f"match, column {pairs.columns[k]!r}") for k in (0, 1)]
    for ids, name in zip(columns, pairs.columns, strict=False):
        if len(np.unique(ids)) < len(ids):
            raise SchemaError(f"match, column {name!r}: an id occurs twice; each neuron is matched once.")
    return columns


def _restrict(side: EdgeList, old: Any, new: Any) -> tuple[EdgeList, int]:
    """The part of a connectome on the nodes `old`, renamed to `new`; and how many nodes were lost."""
    order = np.argsort(old)
    old, new = old[order], new[order]
    inside = np.isin(side.edges["source"], old) & np.isin(side.edges["target"], old)
    edges = side.edges[inside]
    source, target = (new[np.searchsorted(old, edges[end].to_numpy())] for end in ("source", "target"))
    if not side.directed:
        source, target = np.minimum(source, target), np.maximum(source, target)
    edges = edges.assign(source=source, target=target).sort_values(["source", "target"], ignore_index=True)
    nodes = new[np.isin(old, side.nodes)]
    return replace(side, edges=edges, nodes=np.sort(nodes)), len(side.nodes) - len(nodes)
