"""Small connectomes given link by link, with the matches of their synapses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from connectograph.compare.edges import describe_outcomes
from connectograph.graphs import align, build_edges
from connectograph.tables import make_table

NEURONS = [1, 2, 3, 4, 2**63 + 1, 2**64 - 3]


def make_links(rows: Any, *, directed: bool = False) -> pd.DataFrame:
    """The table "links" of (synapse, source, target) rows; each lies elsewhere and has another size."""
    rows = list(rows)
    ids = np.array([[int(part) for part in row] for row in rows], object).reshape(-1, 3)
    source, target = ids[:, 1], ids[:, 2]
    if not directed:
        source, target = np.minimum(source, target), np.maximum(source, target)
    place = np.arange(len(rows), dtype=float)
    return make_table(
        "links",
        {
            "synapse_id": list(ids[:, 0]),
            "source": list(source),
            "target": list(target),
            "directed": np.full(len(rows), directed),
            "n_voxels": np.arange(len(rows)) % 3 + 1,
            "score": np.full(len(rows), np.nan),
            **{axis: place + k for k, axis in enumerate(("z_nm", "y_nm", "x_nm"))},
        },
    )


def make_matches(pairs: Any, overlaps: dict[int, int] | None = None) -> pd.DataFrame:
    """The needed columns of "synapse_matches" of (true, predicted) ids, 0 for none."""
    pairs = sorted(pairs)
    overlaps = overlaps or {}
    columns = {f"synapse_id_{side}": [pair[k] for pair in pairs] for k, side in enumerate(("truth", "predicted"))}
    table = pd.DataFrame(columns, dtype="uint64")
    n = len(table)
    return table.assign(
        n_voxels_truth=np.arange(n) % 4,
        n_voxels_predicted=np.arange(n) % 3,
        n_overlaps_truth=[overlaps.get(own, int(bool(own and other))) for own, other in pairs],
        n_overlaps_predicted=[overlaps.get(-other, int(bool(own and other))) for own, other in pairs],
        **{axis: np.arange(n, dtype=float) for axis in ("z_nm", "y_nm", "x_nm")},
    )


def find_outcomes(truth: pd.DataFrame, predicted: pd.DataFrame, *, directed: bool = False) -> pd.DataFrame:
    """The table "edge_outcomes" of two tables of links."""
    edges = build_edges(truth), build_edges(predicted)
    return describe_outcomes(align(*edges, directed=directed), *edges)


@dataclass(frozen=True)
class Linked:
    """Links of both sides, in the prediction's and in the true segmentation, and matched synapses."""

    tables: dict[str, pd.DataFrame]
    matches: pd.DataFrame
    directed: bool

    @property
    def sides(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        return self.tables["truth"], self.tables["predicted"], self.matches


@st.composite
def linked(draw, *, segmentations: int = 1, autapses: bool = True) -> Linked:
    """Synapses with several links or none, some matched; with two segmentations also as linked in the other one."""
    directed = draw(st.booleans())
    n_truth, n_predicted = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    n_matched = draw(st.integers(0, min(n_truth, n_predicted)))
    pairs = [(k + 1, n_predicted - k) for k in range(n_matched)]
    pairs += [(k + 1, 0) for k in range(n_matched, n_truth)] + [(0, k) for k in range(1, n_predicted - n_matched + 1)]
    ends = st.tuples(st.sampled_from(NEURONS), st.sampled_from(NEURONS))
    if not autapses:
        ends = ends.filter(lambda pair: pair[0] != pair[1])

    def links(n: int) -> pd.DataFrame:
        # no pair twice: synapses of clefts have each pair once
        found = [(k + 1, *sorted(pair)) if not directed else (k + 1, *pair)
                 for k in range(n) for pair in draw(st.lists(ends, max_size=3))]  # fmt: skip
        return make_links(dict.fromkeys(found), directed=directed)

    tables = {"truth": links(n_truth), "predicted": links(n_predicted)}
    if segmentations == 2:
        tables |= {"predicted_in_truth": links(n_predicted), "truth_in_predicted": links(n_truth)}
    return Linked(tables, make_matches(pairs), directed)
