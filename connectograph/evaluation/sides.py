"""Truth and prediction as an evaluation holds them, and what report.json says of each besides the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from connectograph.compare import EdgeScore, score_counts
from connectograph.evaluation import content
from connectograph.evaluation.settings import Settings
from connectograph.synapses import Synapses, find_shared
from connectograph.volumes import Volume

__all__ = [
    "NO_PREDICTION",
    "Side",
    "collect_notices",
    "count_excluded",
    "describe_inputs",
    "list_absent",
    "score_strictly",
]

NO_PREDICTION = "no prediction was given"
"""Why there is nothing about a prediction."""


@dataclass(frozen=True, eq=False)
class Side:
    """Everything derived from one synapse volume: the truth or the prediction."""

    name: str
    synapses: Synapses
    tables: dict[str, pd.DataFrame]
    n_pairs_filtered: int

    def unattached(self) -> Any:
        """Ids of the synapses without a link."""
        table = self.tables[f"synapses_{self.name}"]
        return table.loc[~table["attached"], "synapse_id"].to_numpy()


def score_strictly(score: EdgeScore, truth: Side, predicted: Side) -> EdgeScore:
    """Every unattached synapse is an error too, unless it shares a voxel with an unattached one of the other side."""
    missing, invented = truth.unattached(), predicted.unattached()
    shared_truth, shared_predicted = find_shared(truth.synapses, predicted.synapses, missing, invented)
    return score_counts(
        score.tp,
        score.fp + len(invented) - len(shared_predicted),
        score.fn + len(missing) - len(shared_truth),
    )


def count_excluded(sides: dict[str, Side], segments: pd.DataFrame, pieces: pd.DataFrame | None) -> dict[str, Any]:
    """Everything that was left out of the score, counted."""
    truth, predicted = sides["truth"], sides.get("predicted")
    counts: dict[str, Any] = {
        "segments_listed": int((segments["status"] == "excluded").sum()),
        "segments_below_size": int((segments["status"] == "below_size").sum()),
        "split_voxels_to_background": 0
        if pieces is None
        else int(pieces.loc[pieces["segment_id"] == 0, "n_voxels"].sum()),
    }
    for name, side in (("truth", truth), ("predicted", predicted)):
        table = side.tables[f"synapses_{name}"] if side else None
        counts[f"{name}_synapses_unattached"] = None if table is None else int((~table["attached"]).sum())
        counts[f"{name}_unattached_reasons"] = None if table is None else content.count_reasons(table)
        counts[f"{name}_pairs_filtered"] = None if side is None else side.n_pairs_filtered
    counts["ignored_voxels"] = truth.synapses.excluded["ignored_voxels"]
    ours = predicted.synapses.excluded if predicted else {}
    counts["ignored_synapses"] = ours.get("ignored_synapses")
    counts["predicted_synapses_below_size"] = ours.get("synapses_below_size")
    counts["nan_voxels"] = ours.get("nan_voxels")
    if predicted is None:
        counts["predicted_reason"] = NO_PREDICTION
    return counts


def describe_inputs(
    volumes: dict[str, Volume], sides: dict[str, Side], tables: dict[str, pd.DataFrame]
) -> dict[str, Any]:
    """The block "inputs"."""
    blocks: dict[str, Any] = {"segmentation": content.describe_grid(volumes["segmentation"], len(tables["segments"]))}
    for name, side in sides.items():
        blocks[name] = content.describe_grid(volumes[name], len(side.synapses), side.synapses)
    if "predicted" not in sides:
        blocks.update(content.undefined("predicted", NO_PREDICTION))
    return blocks


def collect_notices(settings: Settings, sides: dict[str, Side], tables: dict[str, pd.DataFrame]) -> list[str]:
    """What a user should know beside the numbers."""
    notices = [f"{name}: {notice}" for name, side in sides.items() for notice in side.synapses.notices]
    return [*notices, *list_absent(settings, tables["segments"])]


def list_absent(settings: Settings, segments: pd.DataFrame) -> list[str]:
    """A notice of excluded ids that are not in the table "segments", if there are any."""
    absent = sorted(set(settings.exclude_segments) - set(segments["segment_id"].tolist()))
    if not absent:
        return []
    shown = ", ".join(str(i) for i in absent[:5])
    return [f"{len(absent)} excluded segment ids do not occur in the segmentation: {shown}"]
