"""What an evaluation reads: the synapses of every side, and the segmentation once, for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import Engine
from connectograph.contacts import dilation_offsets, scan_segmentation
from connectograph.contacts.synapse_contacts import SynapseNeighbours, keep_contacts
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.sides import Side
from connectograph.graphs import build_edges
from connectograph.partners import assign_partners, attach_synapses
from connectograph.segments import kept_ids, mark_split_off, select_segments, split_segments
from connectograph.synapses import Synapses, label_synapses, measure_synapses
from connectograph.volumes import Volume

if TYPE_CHECKING:
    from connectograph.evaluation.segmentations import OwnSegmentation
    from connectograph.io.skeletons import Skeleton

__all__ = ["Scans", "Survey", "evaluate_side", "read_synapses", "scan_volumes", "survey_volumes"]

Progress = Callable[[int], object]


@dataclass(frozen=True, eq=False)
class Survey:
    """What all predictions of one truth share, and the neighbours of each prediction's synapses.

    `segmentation` is the true one, split if that was asked for. With a predicted segmentation `predicted` is what lies
    near them there, and `in_truth` in the true one.
    """

    segmentation: Volume
    segments: pd.DataFrame
    pieces: pd.DataFrame | None
    tables: dict[str, pd.DataFrame]
    truth: Side
    predicted: list[SynapseNeighbours]
    own: OwnSegmentation | None = None
    in_truth: Sequence[SynapseNeighbours] = ()


@dataclass(frozen=True, eq=False)
class Scans:
    """What one pass over each segmentation found.

    Attributes
    ----------
    segmentation : Volume
        The true one, split if that was asked for.
    segments : pandas.DataFrame
        The table of the true segmentation, with what is kept.
    pieces : pandas.DataFrame, optional
        What became of segments that were split.
    tables : dict of str to pandas.DataFrame
        The contactome, if it was asked for.
    neighbours : list of SynapseNeighbours
        In the true segmentation.
    own : OwnSegmentation, optional
        The predicted segmentation.
    """

    segmentation: Volume
    segments: pd.DataFrame
    pieces: pd.DataFrame | None
    tables: dict[str, pd.DataFrame]
    neighbours: list[SynapseNeighbours]
    own: OwnSegmentation | None


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
    offsets = dilation_offsets(settings.dilation, settings.dilation_nm, volumes["segmentation"].voxel_size)
    found = scan_volumes(volumes, synapses, offsets, settings, engine, progress, skeletons)
    truth = evaluate_side("truth", found.neighbours[0], found.segments, settings)
    shared = (found.segmentation, found.segments, found.pieces, found.tables, truth)
    others = found.neighbours[1:]
    if found.own is None:
        return Survey(*shared, others)
    return Survey(*shared, found.own.neighbours[1:], found.own, others)


def scan_volumes(
    volumes: Mapping[str, Volume],
    synapses: list[Synapses],
    offsets: npt.NDArray[np.int64],
    settings: Settings,
    engine: Engine,
    progress: Progress | None,
    skeletons: Sequence[Skeleton] | None = None,
) -> Scans:
    """Read the true and, if there is one, the predicted segmentation.

    Parameters
    ----------
    volumes : mapping of str to Volume
        "segmentation" and, if given, "predicted_segmentation".
    synapses : list of Synapses
        On the same grid.
    offsets : (K, 3) array of int64
        The dilation within which segments are near a synapse.
    settings : Settings
    engine : Engine
    progress : callable, optional
    skeletons : sequence of Skeleton, optional

    Returns
    -------
    Scans
    """
    segmentation, theirs = volumes["segmentation"], volumes.get("predicted_segmentation")
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
    tables, own = {}, None
    if settings.contactome:
        from connectograph.contacts import find_contacts

        how: dict[str, Any] = {"dilation": settings.dilation, "dilation_nm": settings.dilation_nm}
        tables["contactome"] = find_contacts(segmentation, segments=segments, engine=engine.at("contactome"), **how)
    if theirs is not None:
        from connectograph.evaluation.segmentations import read_own_segmentation

        how = {"settings": settings, "skeletons": skeletons, "engine": engine, "progress": progress}
        own = read_own_segmentation(segmentation, theirs, segments, synapses, offsets, **how)
    return Scans(segmentation, segments, pieces, tables, scan.neighbours, own)


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
