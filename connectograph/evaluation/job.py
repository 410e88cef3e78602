"""The whole job: volumes in, Evaluation out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from connectograph.blocks import default_workers
from connectograph.compare import EdgeScore, compare_edges, list_edge_outcomes, score_counts
from connectograph.contacts import dilation_offsets, find_contacts, scan_segmentation
from connectograph.contacts.synapse_contacts import SynapseNeighbours, keep_contacts
from connectograph.errors import InputError
from connectograph.evaluation import content
from connectograph.evaluation.provenance import describe_files
from connectograph.evaluation.result import Evaluation
from connectograph.evaluation.settings import Settings
from connectograph.graphs import build_edges
from connectograph.io import read_volume, split_path
from connectograph.partners import assign_partners, attach_synapses
from connectograph.report import write_verdict
from connectograph.segments import kept_ids, mark_split_off, select_segments, split_segments
from connectograph.synapses import Synapses, find_shared, label_synapses, measure_synapses
from connectograph.volumes import Triple, Volume, check_same_grid

__all__ = ["evaluate"]

Source = str | Path | Volume
Progress = Callable[[int], object]


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


def evaluate(
    segmentation: Source,
    *,
    truth: Source | None = None,
    predicted: Source | None = None,
    raw: Source | None = None,
    dilation: int | None = 1,
    dilation_nm: float | None = None,
    min_segment_voxels: int = 0,
    exclude_segments: Iterable[int] = (),
    split_disconnected: bool = False,
    min_split_fraction: float = 0.1,
    partner_rule: str = "all-pairs",
    min_contact_voxels: int = 1,
    predicted_form: str | None = None,
    threshold: float | None = None,
    min_synapse_voxels: int = 1,
    contactome: bool = False,
    axes: str = "zyx",
    voxel_size: Triple | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score a synapse prediction by the connections it implies.

    Parameters
    ----------
    segmentation : path or Volume
        Neuron labels (z, y, x). A path may name a dataset: ``FILE:DATASET``; a CREMI file needs none.
    truth : path or Volume, optional
        True synapses: instance labels, or a boolean mask. By default the clefts in the segmentation's CREMI file.
    predicted : path or Volume, optional
        Predicted synapses: labels, a mask, or a heat map (with `threshold`). Without it only the truth is assembled.
    raw : path or Volume, optional
        Electron microscopy, shown in the report.
    dilation : int, optional
        How far segments reach into a cleft, in voxels: z grows by 1, y and x by `dilation`; 0: not at all.
    dilation_nm : float, optional
        Instead of `dilation`, a radius in nm.
    min_segment_voxels : int
        Smaller segments are no nodes.
    exclude_segments : iterable of int
        Segments that are no neurons.
    split_disconnected : bool
        Split segments into their 26-connected components first.
    min_split_fraction : float
        Share of its segment that a split component needs to become a segment of its own.
    partner_rule : {"all-pairs", "top-pair"}
        Which contacts of a synapse are links.
    min_contact_voxels : int
        Voxels that a contact needs to become a link.
    predicted_form : {"labels", "mask", "heatmap"}, optional
        What the prediction holds, if it is not to be judged from its values.
    threshold : float, optional
        Of a heat map, in stored units.
    min_synapse_voxels : int
        Smaller predicted synapses are left out; the truth is never filtered by size.
    contactome : bool
        Also list all contacts between segments.
    axes : {"zyx", "xyz"}
        Order in which the files store the axes.
    voxel_size : tuple of 3 floats, optional
        (z, y, x) in nm, instead of the files' own.
    workers : int, optional
        Threads; by default the CPUs this process may use.
    progress : callable, optional
        Called with the number of voxels of each finished block.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If an input cannot be read, or the inputs do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> segmentation = Volume(np.array([[[1, 1, 2, 2, 3, 3]]], "uint64"), voxel_size=(40, 4, 4))
    >>> truth = Volume(np.array([[[0, 5, 5, 0, 0, 0]]], "uint64"), voxel_size=(40, 4, 4))
    >>> predicted = Volume(np.array([[[0, 0, 0, 8, 8, 0]]], "uint64"), voxel_size=(40, 4, 4))
    >>> evaluate(segmentation, truth=truth, predicted=predicted).edges
    EdgeScore(tp=0, fp=1, fn=1)
    """
    settings = Settings(
        dilation, dilation_nm, min_segment_voxels, tuple(exclude_segments), split_disconnected, min_split_fraction,
        partner_rule, min_contact_voxels, predicted_form, threshold, min_synapse_voxels, contactome,
    ).checked()  # fmt: skip
    volumes = read_inputs(segmentation, truth, predicted, raw, axes=axes, voxel_size=voxel_size)
    given = {"segmentation": segmentation, "truth": truth, "predicted": predicted, "raw": raw}
    files = {role: volume.name for role, volume in volumes.items() if not isinstance(given[role], Volume)}
    reading = {"axes": axes, "voxel_size": voxel_size}
    return evaluate_volumes(volumes, settings, files, reading, workers=workers, progress=progress)


def read_inputs(
    segmentation: Source,
    truth: Source | None,
    predicted: Source | None,
    raw: Source | None = None,
    *,
    axes: str = "zyx",
    voxel_size: Triple | None = None,
) -> dict[str, Volume]:
    """Open the volumes of an evaluation and check that they lie on the same grid.

    Returns
    -------
    dict of str to Volume
        "segmentation", "truth", and, if given, "predicted", "raw".

    Raises
    ------
    InputError
        If one cannot be opened, or they do not fit together.
    """
    if truth is None:
        truth = _clefts_beside(segmentation)
    read = partial(read_volume, axes=axes, voxel_size=voxel_size)
    volumes = {"segmentation": read(segmentation, role="segmentation")}
    for role, source in (("truth", truth), ("predicted", predicted), ("raw", raw)):
        if source is not None:
            volumes[role] = read(source, role=role, like=volumes["segmentation"])
            check_same_grid(volumes["segmentation"], volumes[role])
    return volumes


def evaluate_volumes(
    volumes: dict[str, Volume],
    settings: Settings,
    files: dict[str, str],
    reading: dict[str, Any],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate volumes that are open already.

    Parameters
    ----------
    volumes : dict of str to Volume
        From :func:`read_inputs`.
    settings : Settings
    files : dict of str to str
        The file (``FILE:DATASET``) of each volume that has one.
    reading : dict
        The options that the files were read with, kept for ``connectograph verify``.
    workers, progress
        As in :func:`evaluate`.

    Returns
    -------
    Evaluation
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    segmentation = volumes["segmentation"]
    offsets = dilation_offsets(settings.dilation, settings.dilation_nm, segmentation.voxel_size)
    synapses = _read_synapses(volumes, settings, workers, progress)
    pieces = None
    if settings.split_disconnected:
        segmentation, pieces = split_segments(
            segmentation,
            exclude=settings.exclude_segments,
            min_split_fraction=settings.min_split_fraction,
            min_segment_voxels=settings.min_segment_voxels,
            workers=workers,
        )
    scan = scan_segmentation(segmentation, list(synapses.values()), offsets, workers=workers, progress=progress)
    segments = select_segments(
        scan.segments if pieces is None else mark_split_off(scan.segments, pieces),
        exclude=settings.exclude_segments,
        min_segment_voxels=settings.min_segment_voxels,
    )
    sides = {
        name: _evaluate_side(name, near, segments, settings)
        for name, near in zip(synapses, scan.neighbours, strict=True)
    }
    tables: dict[str, pd.DataFrame] = {"segments": segments}
    for side in sides.values():
        tables.update(side.tables)
    if "predicted" in sides:
        tables["edge_outcomes"] = list_edge_outcomes(tables["edges_truth"], tables["edges_predicted"])
    if settings.contactome:
        tables["contactome"] = find_contacts(
            segmentation,
            dilation=settings.dilation,
            dilation_nm=settings.dilation_nm,
            segments=segments,
            workers=workers,
        )
    report = _build_report(volumes, settings, sides, tables, pieces)
    score, strict = _score(sides, tables)
    run = {
        "inputs": describe_files(volumes, files),
        "reading": reading,
        "engine": "threads",
        "workers": workers or default_workers(),
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 3),
    }
    return Evaluation(score, strict, tables, segments, report, volumes, synapses, run)


def _clefts_beside(segmentation: Source) -> str:
    """The file of the segmentation, where the truth is looked for when none is named."""
    if isinstance(segmentation, Volume):
        raise InputError("No truth was given: pass truth=..., a path or a Volume of synapse labels.")
    return str(split_path(segmentation)[0])


def _read_synapses(
    volumes: dict[str, Volume], settings: Settings, workers: int | None, progress: Progress | None
) -> dict[str, Synapses]:
    """Truth and prediction, read side by side; the prediction waits for the truth's ignore voxels at its end."""
    read = partial(label_synapses, workers=workers, progress=progress)
    form = "mask" if volumes["truth"].dtype.kind == "b" else "labels"
    with ThreadPoolExecutor(2) as pool:
        jobs: dict[str, Future[Synapses]] = {"truth": pool.submit(read, volumes["truth"], form=form)}
        if "predicted" in volumes:
            jobs["predicted"] = pool.submit(
                read,
                volumes["predicted"],
                form=settings.predicted_form,
                threshold=settings.threshold,
                min_synapse_voxels=settings.min_synapse_voxels,
                ignore=jobs["truth"],
            )
        return {name: job.result() for name, job in jobs.items()}


def _evaluate_side(name: str, near: SynapseNeighbours, segments: pd.DataFrame, settings: Settings) -> Side:
    """From contacts to edges for one synapse volume."""
    kept = kept_ids(segments)
    contacts = keep_contacts(near.contacts, segments)
    synapses = measure_synapses(near.synapses)
    links = assign_partners(
        contacts, rule=settings.partner_rule, min_contact_voxels=settings.min_contact_voxels, synapses=synapses
    )
    tables = {
        f"synapses_{name}": attach_synapses(synapses, links, near.contacts, near.touches, kept),
        f"synapse_contacts_{name}": contacts,
        f"links_{name}": links,
        f"edges_{name}": build_edges(links),
    }
    return Side(name, near.synapses, tables, len(near.contacts) - len(contacts))


def _score(sides: dict[str, Side], tables: dict[str, pd.DataFrame]) -> tuple[EdgeScore | None, EdgeScore | None]:
    """The score and the strict score; None without a prediction."""
    if "predicted" not in sides:
        return None, None
    score = compare_edges(tables["edges_truth"], tables["edges_predicted"])
    return score, _score_strictly(score, sides["truth"], sides["predicted"])


def _build_report(
    volumes: dict[str, Volume],
    settings: Settings,
    sides: dict[str, Side],
    tables: dict[str, pd.DataFrame],
    pieces: pd.DataFrame | None,
) -> dict[str, Any]:
    """What report.json says."""
    score, strict = _score(sides, tables)
    report = {
        "schema": content.SCHEMA,
        "verdict": "",
        **content.describe_nodes(len(kept_ids(tables["segments"])), tables),
        **content.describe_edges(score, tables, directed=False),
        **({"strict": strict.to_dict()} if strict else content.undefined("strict", "no prediction was given")),
        "excluded": _count_excluded(sides, tables["segments"], pieces),
        **content.describe_synapses(tables),
        "worst_errors": content.list_worst_errors(tables, volumes["segmentation"]),
        "settings": settings.to_dict(),
        "inputs": _describe_inputs(volumes, sides, tables),
        "notices": _collect_notices(settings, sides, tables),
    }
    report["verdict"] = write_verdict(report)
    return report


def _score_strictly(score: EdgeScore, truth: Side, predicted: Side) -> EdgeScore:
    """Every unattached synapse is an error too, unless it shares a voxel with an unattached one of the other side."""
    missing, invented = truth.unattached(), predicted.unattached()
    shared_truth, shared_predicted = find_shared(truth.synapses, predicted.synapses, missing, invented)
    return score_counts(
        score.tp,
        score.fp + len(invented) - len(shared_predicted),
        score.fn + len(missing) - len(shared_truth),
    )


def _count_excluded(sides: dict[str, Side], segments: pd.DataFrame, pieces: pd.DataFrame | None) -> dict[str, Any]:
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
        counts["predicted_reason"] = "no prediction was given"
    return counts


def _describe_inputs(
    volumes: dict[str, Volume], sides: dict[str, Side], tables: dict[str, pd.DataFrame]
) -> dict[str, Any]:
    blocks: dict[str, Any] = {"segmentation": content.describe_grid(volumes["segmentation"], len(tables["segments"]))}
    for name, side in sides.items():
        blocks[name] = content.describe_grid(volumes[name], len(side.synapses), side.synapses)
    if "predicted" not in sides:
        blocks.update(content.undefined("predicted", "no prediction was given"))
    return blocks


def _collect_notices(settings: Settings, sides: dict[str, Side], tables: dict[str, pd.DataFrame]) -> list[str]:
    """What a user should know beside the numbers."""
    notices = [f"{name}: {notice}" for name, side in sides.items() for notice in side.synapses.notices]
    absent = sorted(set(settings.exclude_segments) - set(tables["segments"]["segment_id"].tolist()))
    if absent:
        shown = ", ".join(str(i) for i in absent[:5])
        notices.append(f"{len(absent)} excluded segment ids do not occur in the segmentation: {shown}")
    return notices
