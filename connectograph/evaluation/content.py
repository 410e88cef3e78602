"""The parts of report.json: plain dictionaries of numbers, the same for any file format, engine and block size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from connectograph.compare import EdgeScore
from connectograph.graphs import AlignedEdges, nodes_of
from connectograph.partners import UNATTACHED_REASONS
from connectograph.synapses import Synapses
from connectograph.volumes import Volume

__all__ = [
    "SCHEMA",
    "describe_edges",
    "describe_grid",
    "describe_nodes",
    "describe_synapses",
    "list_worst_errors",
    "undefined",
]

SCHEMA = "connectograph.report/1"
"""Version of report.json; keys never change their meaning within it."""

N_WORST = 12
"""Errors listed in the report, half of them missed and half invented where there are enough."""


def undefined(key: str, reason: str) -> dict[str, Any]:
    """A block that does not apply: null, with the reason beside it."""
    return {key: None, f"{key}_reason": reason}


def describe_edges(score: EdgeScore, both: AlignedEdges, intervals: Mapping[str, Any]) -> dict[str, Any]:
    """The block "edges": counts, scores, their blocks of intervals, and what is in no score."""
    counts = {"n_truth": score.n_truth, "n_predicted": score.n_predicted, "directed": both.directed}
    autapses = {"autapses_truth": both.autapses_truth, "autapses_predicted": both.autapses_predicted}
    return {"edges": {**score.to_dict(), **counts, **autapses, **intervals}}


def describe_nodes(n_nodes: int, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The block "nodes"."""
    connected = {
        f"n_connected_{side}": len(nodes_of(tables[name]))
        for side in ("truth", "predicted")
        if (name := f"edges_{side}") in tables
    }
    return {"nodes": {"n_segments": n_nodes, **connected}}


def describe_synapses(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The block "synapses": how many there are, how many are attached, and to how many pairs."""
    block: dict[str, Any] = {}
    for side in ("truth", "predicted"):
        if f"synapses_{side}" not in tables:
            continue
        synapses, links = tables[f"synapses_{side}"], tables[f"links_{side}"]
        pairs = np.unique(links["synapse_id"], return_counts=True)[1]
        found, counts = np.unique(pairs, return_counts=True)
        histogram = {"0": int((~synapses["attached"]).sum())}
        histogram.update({str(k): int(n) for k, n in zip(found, counts, strict=True)})
        block[f"n_{side}"] = len(synapses)
        block[f"n_{side}_attached"] = int(synapses["attached"].sum())
        block[f"pairs_per_synapse_{side}"] = histogram
    return {"synapses": block}


def count_reasons(synapses: pd.DataFrame) -> dict[str, int]:
    """Unattached synapses by reason, every reason listed."""
    return {reason: int((synapses["unattached_reason"] == reason).sum()) for reason in UNATTACHED_REASONS}


def describe_grid(volume: Volume, n_ids: int, synapses: Synapses | None = None) -> dict[str, Any]:
    """An input as content: no path, no type, so that any format of the same voxels gives the same bytes."""
    block: dict[str, Any] = {
        "shape": list(volume.shape),
        "voxel_size_nm": list(volume.voxel_size),
        "offset_nm": list(volume.offset),
        "n_ids": n_ids,
    }
    return block if synapses is None else {**block, "form": synapses.form}


def list_worst_errors(tables: Mapping[str, pd.DataFrame], volume: Volume | None) -> list[dict[str, Any]]:
    """The largest errors: missed and invented edges of most synapses, then voxels, then smallest ids."""
    if "edge_outcomes" not in tables:
        return []
    outcomes = tables["edge_outcomes"]
    ranked = {
        outcome: _rank(outcomes[outcomes["outcome"] == outcome], tables[f"edges_{side}"], f"n_synapses_{side}")
        for outcome, side in (("fn", "truth"), ("fp", "predicted"))
    }
    half = N_WORST // 2
    n_fn = min(len(ranked["fn"]), max(half, N_WORST - len(ranked["fp"])))
    chosen = [*ranked["fn"][:n_fn], *ranked["fp"][: N_WORST - n_fn]]
    return [_describe_error(error, volume) for error in chosen]


def _rank(errors: pd.DataFrame, edges: pd.DataFrame, weight: str) -> list[dict[str, Any]]:
    """Rows of the worst errors of one kind."""
    errors = errors[errors[weight] >= errors[weight].nlargest(N_WORST).min()]  # before the sizes are looked up
    sizes = edges.loc[edges["source"].isin(errors["source"]), ["source", "target", "n_voxels"]]
    table = errors.rename(columns={weight: "n_synapses"}).merge(sizes, on=["source", "target"], how="inner")
    order = ["n_synapses", "n_voxels", "source", "target"]
    rows = table.sort_values(order, ascending=[False, False, True, True]).head(N_WORST)
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False)]


def _describe_error(error: Mapping[str, Any], volume: Volume | None) -> dict[str, Any]:
    position = [float(error[axis]) for axis in ("z_nm", "y_nm", "x_nm")]
    known = not np.isnan(position).any()
    block = {
        "outcome": str(error["outcome"]),
        "cause": str(error["cause"]),
        "source": str(int(error["source"])),
        "target": str(int(error["target"])),
        "n_synapses": int(error["n_synapses"]),
        "n_voxels": int(error["n_voxels"]),
        **{f"{axis}_nm": value if known else None for axis, value in zip("zyx", position, strict=True)},
    }
    if known and volume is not None:
        index = np.floor(np.subtract(position, volume.offset) / volume.voxel_size).astype(np.int64)
        block["voxel"] = np.clip(index, 0, np.array(volume.shape) - 1).tolist()
    return block
