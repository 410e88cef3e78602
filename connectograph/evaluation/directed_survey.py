"""What an evaluation of directed synapses reads: the sites of every side, and what they touch in each segmentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from connectograph.blocks import Engine
from connectograph.contacts.synapse_contacts import SynapseNeighbours
from connectograph.evaluation.directed_inputs import Inputs
from connectograph.evaluation.directed_sites import ENDS, DirectedSide, Sites, connect_sites, link_sites, read_sites
from connectograph.evaluation.segmentations import OwnSegmentation
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.survey import Scans, scan_volumes
from connectograph.io.skeletons import Skeleton
from connectograph.segments import kept_ids

__all__ = ["Crossed", "DirectedSurvey", "list_ends", "survey_sites"]


@dataclass(frozen=True, eq=False)
class Crossed:
    """The synapses of both sides in the segmentation of the other.

    Attributes
    ----------
    points : pandas.DataFrame
        The table "synapse_points" of the prediction, with true segments.
    ends, omitted : pandas.DataFrame
        `synapse_id`, `segment_id`: the predicted segments that its sites lie in, and the true segments of sites that
        lie in none, or in one below the size limit.
    predicted_in_truth, truth_in_predicted : pandas.DataFrame
        Tables "directed_links" under the ids of the graphs.
    """

    points: pd.DataFrame
    ends: pd.DataFrame
    omitted: pd.DataFrame
    predicted_in_truth: pd.DataFrame
    truth_in_predicted: pd.DataFrame


@dataclass(frozen=True, eq=False)
class DirectedSurvey:
    """What all predictions of one truth share, and the sites of each.

    Attributes
    ----------
    sites : list of Sites
        Of the truth, then of each prediction.
    scans : Scans
        What the voxels of the sites lie in, presynaptic and postsynaptic ones in turn.
    settings : Settings
    truth : DirectedSide
    """

    sites: list[Sites]
    scans: Scans
    settings: Settings
    truth: DirectedSide

    @property
    def segments(self) -> pd.DataFrame:
        """The table of the true segmentation."""
        return self.scans.segments

    @property
    def own(self) -> OwnSegmentation | None:
        """The predicted segmentation."""
        return self.scans.own

    def connect(self, place: int) -> DirectedSide:
        """A prediction in its own segmentation, if it has one, under the ids of the graphs."""
        sites, own = self.sites[1 + place], self.own
        if own is None:
            touches = _touches_of(self.scans.neighbours, 1 + place)
            return connect_sites("predicted", sites, touches, self.segments, self.settings)
        touches = _touches_of(own.neighbours, 1 + place)
        return connect_sites("predicted", sites, touches, own.named, self.settings, stored=own.restore)

    def cross(self, own: OwnSegmentation, place: int) -> Crossed:
        """The truth in the predicted segmentation, and a prediction in the true one."""
        touches = _touches_of(self.scans.neighbours, 1 + place), _touches_of(own.neighbours, 0)
        points, there = link_sites(self.sites[1 + place], touches[0], self.segments, self.settings)
        _, here = link_sites(self.sites[0], touches[1], own.named, self.settings)
        named, kept = own.named, kept_ids(own.named)
        ends = list_ends(self.sites[1 + place].place(_touches_of(own.neighbours, 1 + place), kept))
        nowhere = np.append(named.loc[named["status"] == "below_size", "segment_id"], np.uint64(0))
        omitted = list_ends(points)[ends["segment_id"].isin(nowhere)]
        return Crossed(points, ends[ends["segment_id"].isin(kept)], omitted, there, here)


def survey_sites(
    cases: Sequence[Inputs],
    settings: Settings,
    engine: Engine,
    progress: Callable[[int], object] | None,
    skeletons: Sequence[Skeleton] | None = None,
) -> DirectedSurvey:
    """Read the sites of all predictions of one truth, and each segmentation once for all of them.

    Parameters
    ----------
    cases : sequence of dict
        From :func:`~connectograph.evaluation.directed_inputs.read_directed`, at least one; they differ in the
        prediction only.
    settings : Settings
    engine : Engine
    progress : callable, optional
    skeletons : sequence of Skeleton, optional

    Returns
    -------
    DirectedSurvey
    """
    sites = list(_read_all(cases, settings, engine))
    voxels, itself = [end.voxels for each in sites for end in each.ends], np.zeros((1, 3), np.int64)
    scans = scan_volumes(cases[0], voxels, itself, settings, engine, progress, skeletons)
    truth = connect_sites("truth", sites[0], _touches_of(scans.neighbours, 0), scans.segments, settings)
    return DirectedSurvey(sites, scans, settings, truth)


def list_ends(points: pd.DataFrame) -> pd.DataFrame:
    """`synapse_id`, `segment_id` of both ends of all synapses of the table "synapse_points"."""
    ends = [points[["synapse_id", f"{end}_segment"]].set_axis(["synapse_id", "segment_id"], axis=1) for end in ENDS]
    return pd.concat(ends, ignore_index=True)


def _read_all(cases: Sequence[Inputs], settings: Settings, engine: Engine) -> Iterator[Sites]:
    """The sites of the truth, then of each prediction."""
    truth = read_sites("truth", cases[0], settings, None, engine)
    yield truth
    for inputs in cases:
        if "predicted" in inputs:
            yield read_sites("predicted", inputs, settings, truth, engine)


def _touches_of(neighbours: Sequence[SynapseNeighbours], side: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the presynaptic and the postsynaptic sites of one side lie in."""
    return neighbours[2 * side].touches, neighbours[2 * side + 1].touches
