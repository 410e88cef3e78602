"""What an evaluation reads: the synapses of every side, and the segmentation once, for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pandas as pd

from connectograph.blocks import Engine
from connectograph.contacts import dilation_offsets, find_contacts, scan_segmentation
from connectograph.contacts.synapse_contacts import SynapseNeighbours, keep_contacts
from connectograph.evaluation.segmentations import OwnSegmentation, read_own_segmentation
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.sides import Side
from connectograph.graphs import build_edges
from connectograph.io.skeletons import Skeleton
from connectograph.partners import assign_partners, attach_synapses
from connectograph.segments import kept_ids, mark_split_off, select_segments, split_segments
from connectograph.synapses import Synapses, label_synapses, measure_synapses
from connectograph.volumes import Volume

__all__ = ["Survey", "evaluate_side", "read_synapses", "survey_volumes"]

Progress = Callable[[int], object]


@dataclass(frozen=True, eq=False)
class Survey:
    """What all predictions of one truth share, and the neighbours of each prediction's synapses.

    With a predicted segmentation `predicted` is what lies near them there, and `in_truth` in the true one.
    """

    segments: pd.DataFrame
    pieces: pd.DataFrame | None
    tables: dict[str, pd.DataFrame]
    truth: Side
    predicted: list[SynapseNeighbours]
    own: OwnSegmentation | None = None
    in_truth: Sequence[SynapseNeighbours] = ()


def read_synapses(
    cases: Sequence[dict[str, Volume]], settings: Settings, engine: Engine, progress: Progress | None
) -> list[Synapses]:
    """Truth and predictions, read side by side; a prediction waits for the truth's ignore voxels at its end."""
    truth, predictions = cases[0]["truth"], [volumes["predicted"] for volumes in cases if "predicted" in volumes]
    with ThreadPoolExecutor(2) as pool:
        try:
            form = "mask" if truth.dtype.kind == "b" else "labels"
            jobs = [pool.submit(label_synapses, truth, form=form, engine=engine.at("truth"), progress=progress)]
            jobs += [
                pool.submit(
                    label_synapses,
                    prediction,
                    form=settings.predicted_form,
                    threshold=settings.threshold,
                    min_synapse_voxels=settings.min_synapse_voxels,
                    ignore=jobs[0],
                    engine=engine.at(f"predicted-{k}"),
                    progress=progress,
                )
                for k, prediction in enumerate(predictions)
            ]
            return [job.result() for job in jobs]
        except BaseException:
            engine.runner.stop()  # else the pool would wait until all is read
            raise


def survey_volumes(
    volumes: dict[str, Volume],
    synapses: list[Synapses],
    settings: Settings,
    engine: Engine,
    progress: Progress | None,
    skeletons: Sequence[Skeleton] | None = None,
) -> Survey:
    """Segments, contacts and the neighbours of all synapses, from one pass over each segmentation."""
    segmentation, theirs = volumes["segmentation"], volumes.get("predicted_segmentation")
    offsets = dilation_offsets(settings.dilation, settings.dilation_nm, segmentation.voxel_size)
    pieces = None
    if settings.split_disconnected:
        segmentation, pieces = split_segments(
            segmentation,
            exclude=settings.exclude_segments,
            min_split_fraction=settings.min_split_fraction,
            min_segment_voxels=settings.min_segment_voxels,
            engine=engine.at("split"),
        )
    scan = scan_segmentation(segmentation, synapses, offsets, engine=engine.at("segmentation"), progress=progress)
    segments = select_segments(
        scan.segments if pieces is None else mark_split_off(scan.segments, pieces),
        exclude=settings.exclude_segments,
        min_segment_voxels=settings.min_segment_voxels,
    )
    truth = evaluate_side("truth", scan.neighbours[0], segments, settings)
    tables = {}
    if settings.contactome:
        tables["contactome"] = find_contacts(
            segmentation,
            dilation=settings.dilation,
            dilation_nm=settings.dilation_nm,
            segments=segments,
            engine=engine.at("contactome"),
        )
    if theirs is None:
        return Survey(segments, pieces, tables, truth, scan.neighbours[1:])
    own = read_own_segmentation(
        segmentation,
        theirs,
        segments,
        synapses,
        offsets,
        settings=settings,
        skeletons=skeletons,
        engine=engine,
        progress=progress,
    )
    return Survey(segments, pieces, tables, truth, own.neighbours[1:], own, scan.neighbours[1:])


def evaluate_side(name: str, near: SynapseNeighbours, segments: pd.DataFrame, settings: Settings) -> Side:
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
