"""A heat map scored at many thresholds and minimum sizes, from one reading of every volume.

A threshold on a heat map changes the synapses themselves: with a lower one they grow, join and reach other segments. So
recall need not rise when it falls, and every threshold is a prediction of its own. (Where synapses have one score each,
:func:`connectograph.sweep_scores` ranks them.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._notebook import Shown
from connectograph.compare import EdgeScore, OperatingChoice, OperatingPoint, score_counts
from connectograph.compare.operating import find_cut
from connectograph.contacts import dilation_offsets, scan_segmentation
from connectograph.contacts.synapse_contacts import keep_contacts
from connectograph.errors import InputError
from connectograph.evaluation.inputs import read_inputs
from connectograph.evaluation.levels import Levels, nest_components
from connectograph.evaluation.settings import Settings
from connectograph.partners import assign_partners
from connectograph.segments import kept_ids, select_segments
from connectograph.synapses import label_synapses, positions
from connectograph.tables import make_table
from connectograph.volumes import Triple, Volume

__all__ = ["HeatPoint", "HeatSweep", "sweep_heat_map"]

Source = str | Path | Volume
_Ints: TypeAlias = npt.NDArray[np.int64]

_AXES = ("z_nm", "y_nm", "x_nm")


@dataclass(frozen=True)
class HeatPoint(OperatingPoint, Shown):
    """A threshold with a minimum size, and the score that they give.

    Attributes
    ----------
    threshold : float
        Of the heat map, in its stored units.
    edges : EdgeScore
    min_synapse_voxels : int

    Examples
    --------
    >>> HeatPoint(128.0, EdgeScore(9, 1, 3), min_synapse_voxels=20).to_dict()["min_synapse_voxels"]
    20
    """

    min_synapse_voxels: int

    def to_dict(self) -> dict[str, Any]:
        """Threshold, minimum size, counts and scores."""
        return {"min_synapse_voxels": self.min_synapse_voxels, **super().to_dict()}


@dataclass(frozen=True, eq=False)
class HeatSweep(Shown):
    """Scores of a heat map at every threshold and minimum size.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a point, by rising threshold and minimum size: `threshold`, `min_synapse_voxels`, `n_synapses` (those
        predicted, attached or not), `tp`, `fp`, `fn`, `precision`, `recall`, `f1` (NaN where 0/0).
    axis : {"z_nm", "y_nm", "x_nm"}
        Along which the volume was cut in halves.
    cut_nm : float
        Where: the median of the true links' positions; NaN without any.
    halves : tuple of 2 pandas.DataFrame
        The same points from the links below the cut, and from the others; without `n_synapses`.

    Examples
    --------
    >>> segmentation = Volume(np.array([[[1, 1, 2, 2, 3, 3]]]), voxel_size=(40, 4, 4))
    >>> truth = Volume(np.array([[[0, 1, 1, 0, 0, 0]]]), voxel_size=(40, 4, 4))
    >>> heat = Volume(np.array([[[0, 9, 7, 3, 0, 0]]]), voxel_size=(40, 4, 4))
    >>> sweep = sweep_heat_map(segmentation, truth, heat, thresholds=[2, 5])
    >>> sweep.table["f1"].round(2).tolist(), sweep.at_best_f1().threshold
    ([0.67, 1.0], 5.0)
    """

    table: pd.DataFrame
    axis: str
    cut_nm: float
    halves: tuple[pd.DataFrame, pd.DataFrame]

    def at_best_f1(self) -> HeatPoint | None:
        """The point of the highest F1 (ties: highest threshold, largest minimum); None if no point has an edge."""
        row = _find_best(self.table, None)
        return None if row is None else _point(self.table, row)

    def at_recall(self, recall: float) -> HeatPoint | None:
        """The highest precision with at least this recall (ties: highest recall, threshold); None if there is none."""
        row = _find_best(self.table, recall)
        return None if row is None else _point(self.table, row)

    def choose(self, *, recall: float | None = None) -> OperatingChoice:
        """Choose a point on the half below the cut and report its score on the other half.

        A point chosen and scored on the same synapses promises too much.

        Parameters
        ----------
        recall : float, optional
            Choose the highest precision with at least this recall, instead of the highest F1.

        Returns
        -------
        OperatingChoice
            `chosen` is a :class:`HeatPoint`.
        """
        chooses, reports = self.halves
        row = _find_best(chooses, recall)
        if row is not None:
            return OperatingChoice(self.axis, self.cut_nm, _point(chooses, row), _score(reports, row))
        lacks = "no predicted edge" if recall is None else f"no point of recall {recall}"
        reason = "the truth has no edge" if np.isnan(self.cut_nm) else f"the half that chooses has {lacks}"
        return OperatingChoice(self.axis, self.cut_nm, None, None, reason)

    def to_dict(self) -> dict[str, Any]:
        """All points, the best one, and the one chosen on one half with its score on the other."""
        best, rows = self.at_best_f1(), range(len(self.table))
        sizes = self.table["n_synapses"].tolist()
        points = [{"n_synapses": sizes[row], **_point(self.table, row).to_dict()} for row in rows]
        found = {"best_f1": best.to_dict()} if best else {"best_f1": None, "best_f1_reason": "no point has an edge"}
        return {"points": points, **found, "halves": self.choose().to_dict()}


def sweep_heat_map(
    segmentation: Source,
    truth: Source,
    heat: Source,
    *,
    thresholds: Iterable[float],
    min_synapse_voxels: Iterable[int] = (1,),
    dilation: int | None = 1,
    dilation_nm: float | None = None,
    min_segment_voxels: int = 0,
    exclude_segments: Iterable[int] = (),
    partner_rule: str = "all-pairs",
    min_contact_voxels: int = 1,
    workers: int | None = None,
) -> HeatSweep:
    """Score a heat map at every threshold and minimum size: what :func:`~connectograph.evaluate` finds at each.

    Parameters
    ----------
    segmentation, truth : path or Volume
        As in :func:`~connectograph.evaluate`.
    heat : path or Volume
        The heat map.
    thresholds : iterable of float
        In stored units; a voxel belongs to a synapse at or above the threshold.
    min_synapse_voxels : iterable of int
        Minimum sizes of predicted synapses.
    dilation, dilation_nm, min_segment_voxels, exclude_segments, partner_rule, min_contact_voxels, workers
        As in :func:`~connectograph.evaluate`.

    Returns
    -------
    HeatSweep

    Raises
    ------
    InputError
        If an input cannot be read, the volumes do not fit together, or there is no threshold or minimum size.

    Notes
    -----
    Components at rising thresholds lie in one another. The heat map and the segmentation are read once, at the lowest
    threshold; each voxel's segments count for the component at the highest threshold that the voxel reaches, and are
    handed down from threshold to threshold. A pair of segments is an edge at a minimum size if its largest synapse has
    that size, so that all minimum sizes follow from one pass over the links of a threshold. O(voxels + thresholds x
    runs of the lowest threshold).

    Examples
    --------
    >>> segmentation = Volume(np.array([[[1, 1, 2, 2, 3, 3]]]), voxel_size=(40, 4, 4))
    >>> truth = Volume(np.array([[[0, 1, 1, 0, 0, 0]]]), voxel_size=(40, 4, 4))
    >>> heat = Volume(np.array([[[0, 9, 7, 3, 0, 0]]]), voxel_size=(40, 4, 4))
    >>> sweep = sweep_heat_map(segmentation, truth, heat, thresholds=[2, 5], min_synapse_voxels=[1, 3])
    >>> sweep.table[["threshold", "min_synapse_voxels", "tp", "fp"]].values.tolist()
    [[2.0, 1.0, 1.0, 1.0], [2.0, 3.0, 1.0, 1.0], [5.0, 1.0, 1.0, 0.0], [5.0, 3.0, 0.0, 0.0]]
    """
    settings = Settings(
        dilation, dilation_nm, min_segment_voxels, tuple(exclude_segments),
        partner_rule=partner_rule, min_contact_voxels=min_contact_voxels,
    ).checked()  # fmt: skip
    limits, minima = _check_points(thresholds, min_synapse_voxels)
    volumes = read_inputs(segmentation, truth, heat)
    form = "mask" if volumes["truth"].dtype.kind == "b" else "labels"
    true = label_synapses(volumes["truth"], form=form, workers=workers)
    lowest = label_synapses(volumes["predicted"], threshold=limits[0], ignore=true, workers=workers)
    levels = nest_components(lowest, _as_stored(limits, volumes["predicted"].dtype))
    offsets = dilation_offsets(settings.dilation, settings.dilation_nm, lowest.voxel_size)
    scan = scan_segmentation(volumes["segmentation"], [true, levels.parts], offsets, workers=workers)
    segments = select_segments(
        scan.segments, exclude=settings.exclude_segments, min_segment_voxels=settings.min_segment_voxels
    )
    true_contacts, contacts = (keep_contacts(near.contacts, segments) for near in scan.neighbours)
    true_links = _assign(true_contacts, settings)
    return _score_points(levels, contacts, true_links, kept_ids(segments), settings, (limits, minima))


def _check_points(
    thresholds: Iterable[float], min_synapse_voxels: Iterable[int]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Thresholds and minimum sizes, ascending, each once."""
    limits, minima = sorted({float(t) for t in thresholds}), sorted(set(min_synapse_voxels))
    if not limits or not minima:
        raise InputError("There is no threshold, or no minimum size: a sweep needs at least one of each.")
    if not np.isfinite(limits).all():
        raise InputError(f"thresholds are {limits}; expected finite numbers in the heat map's stored units.")
    for size in minima:
        Settings(min_synapse_voxels=size).checked()
    return np.array(limits), np.array(minima, np.int64)


def _as_stored(limits: npt.NDArray[np.float64], dtype: np.dtype[Any]) -> npt.NDArray[np.float64]:
    """Thresholds as the heat map's own numbers: 0.3 in single precision is not 0.3."""
    return limits.astype(dtype.newbyteorder("=")).astype(np.float64) if dtype.kind == "f" else limits


def _assign(contacts: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    return assign_partners(contacts, rule=settings.partner_rule, min_contact_voxels=settings.min_contact_voxels)


def _score_points(
    levels: Levels,
    contacts: pd.DataFrame,
    true_links: pd.DataFrame,
    kept: npt.NDArray[np.uint64],
    settings: Settings,
    points: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]],
) -> HeatSweep:
    """Count edges at every point, in the whole volume and in both halves."""
    limits, minima = points
    axis, cut = find_cut(true_links, true_links)
    true_regions = [_number_pairs(links, kept) for links in _halve(true_links, axis, cut)]
    counts: list[list[_Ints]] = [[], [], []]
    n_synapses = []
    for sizes, links in _iterate_links(levels, contacts, settings):
        n_synapses.append(_count_at_least(sizes[sizes > 0], minima))
        for region, true, part in zip(counts, true_regions, _halve(links, axis, cut), strict=True):
            largest = sizes[part["synapse_id"].to_numpy().astype(np.int64)]
            region.append(_count_edges(_number_pairs(part, kept), largest, true, minima))
    whole, *halves = (
        _make_table(limits, minima, np.concatenate(region[::-1]), len(np.unique(true)))
        for region, true in zip(counts, true_regions, strict=True)
    )
    whole.insert(2, "n_synapses", np.concatenate(n_synapses[::-1]))
    return HeatSweep(whole, axis, cut, (halves[0], halves[1]))


def _iterate_links(levels: Levels, contacts: pd.DataFrame, settings: Settings) -> Iterator[tuple[_Ints, pd.DataFrame]]:
    """From the highest threshold to the lowest: voxels of each synapse (0 at other thresholds) by id, and links."""
    parts = levels.parts
    n_voxels = np.bincount(parts.codes, parts.lengths, len(parts)).astype(np.int64)
    place = parts.voxel_size, parts.offset
    sizes = levels.hand_down(parts.ids[:, None].copy(), n_voxels[:, None].copy())
    sums = levels.hand_down(*_sum_indices(contacts, *place))
    for (ids, size), (keys, values) in zip(sizes, sums, strict=True):
        of_id = np.zeros(len(parts) + 1, np.int64)
        of_id[ids[:, 0].astype(np.int64)] = size[:, 0]
        names = dict(zip(("synapse_id", "segment_a", "segment_b"), keys.T, strict=True))
        where = positions(values[:, 1:].T, values[:, 0], *place)
        table = make_table("synapse_contacts", {**names, "n_voxels": values[:, 0], **where})
        yield of_id, _assign(table, settings)


def _sum_indices(contacts: pd.DataFrame, voxel_size: Triple, offset: Triple) -> tuple[npt.NDArray[np.uint64], _Ints]:
    """Keys of contacts, and their voxels with the index sums along z, y, x behind the mean positions.

    Whole numbers again, so that a synapse of several parts gets the very position that it has as a whole.
    """
    keys = contacts[["synapse_id", "segment_a", "segment_b"]].to_numpy(np.uint64)
    n_voxels = contacts["n_voxels"].to_numpy()
    columns = [n_voxels]
    for name, size, start in zip(_AXES, voxel_size, offset, strict=True):
        index = (contacts[name].to_numpy() - start) / size - 0.5
        columns.append(np.rint(index * n_voxels).astype(np.int64))
    return keys, np.column_stack(columns)


def _halve(links: pd.DataFrame, axis: str, cut: float) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """All links, those below the cut, and the others."""
    low = links[axis] < cut
    return links, links[low], links[~low]


def _number_pairs(links: pd.DataFrame, kept: npt.NDArray[np.uint64]) -> _Ints:
    """A number for the pair of every link."""
    source, target = (np.searchsorted(kept, links[end].to_numpy()) for end in ("source", "target"))
    return source * len(kept) + target


def _count_at_least(values: _Ints, minima: _Ints) -> _Ints:
    """How many values reach each minimum."""
    return len(values) - np.searchsorted(np.sort(values), minima)


def _count_edges(pairs: _Ints, sizes: _Ints, true: _Ints, minima: _Ints) -> _Ints:
    """True and false edges at each minimum size, (M, 2), from the pairs of links and the sizes of their synapses."""
    edges, inverse = np.unique(pairs, return_inverse=True)
    largest = np.zeros(len(edges), np.int64)
    np.maximum.at(largest, inverse, sizes)
    found = np.isin(edges, true)
    return np.column_stack([_count_at_least(largest[side], minima) for side in (found, ~found)])


def _make_table(limits: npt.NDArray[np.float64], minima: _Ints, counts: _Ints, n_truth: int) -> pd.DataFrame:
    """The points with their scores, from (T * M, 2) true and false edges."""
    tp, fp = counts.T
    fn = n_truth - tp
    shares = {"precision": (tp, tp + fp), "recall": (tp, tp + fn), "f1": (2 * tp, 2 * tp + fp + fn)}
    columns = {
        "threshold": np.repeat(limits, len(minima)),
        "min_synapse_voxels": np.tile(minima, len(limits)),
        "tp": tp,
        "fp": fp,
        "fn": fn,
    }
    undefined = np.full(len(tp), np.nan)
    for name, (part, whole) in shares.items():
        columns[name] = np.divide(part, whole, out=undefined.copy(), where=whole > 0)
    return pd.DataFrame(columns)


def _find_best(table: pd.DataFrame, recall: float | None) -> int | None:
    """Row of the best point among those with an edge; of equal ones the last."""
    rows = table[table["tp"] + table["fp"] > 0]
    if recall is not None:
        rows = rows[rows["recall"] >= recall]
    for name in ("f1",) if recall is None else ("precision", "recall"):
        rows = rows[rows[name] == rows[name].max()]
    return int(rows.index[-1]) if len(rows) else None


def _score(table: pd.DataFrame, row: int) -> EdgeScore:
    return score_counts(*(int(table[name].to_numpy()[row]) for name in ("tp", "fp", "fn")))


def _point(table: pd.DataFrame, row: int) -> HeatPoint:
    threshold, minimum = (table[name].to_numpy()[row] for name in ("threshold", "min_synapse_voxels"))
    return HeatPoint(float(threshold), _score(table, row), int(minimum))
