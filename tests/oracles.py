"""Slow and obvious: everything that an evaluation computes, from the definitions alone.

Nothing here is taken from the library: dilations are scipy's, one segment at a time; components are scipy's; the rest
is dictionaries, sets and Python integers. Where the two disagree, the definition decides, not either of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from math import floor, nan, prod

import numpy as np
from scipy import ndimage

BACKGROUND = (0, 2**64 - 1)
IGNORE = 2**64 - 2
ANY_NEIGHBOUR = np.ones((3, 3, 3), dtype=bool)


@dataclass
class Side:
    """What is derived from one synapse volume."""

    synapses: dict[int, dict] = field(default_factory=dict)
    contacts: dict[tuple[int, int, int], dict] = field(default_factory=dict)
    pairs_filtered: int = 0
    reasons: dict[int, str] = field(default_factory=dict)
    links: dict[tuple[int, int, int], dict] = field(default_factory=dict)
    edges: dict[tuple[int, int], dict] = field(default_factory=dict)
    masks: dict[int, np.ndarray] = field(default_factory=dict)

    def unattached(self) -> list[int]:
        return [synapse for synapse, reason in self.reasons.items() if reason]


@dataclass
class Result:
    """The whole evaluation."""

    segments: dict[int, dict]
    truth: Side
    predicted: Side
    outcomes: dict[tuple[int, int], str]
    score: tuple[int, int, int]
    strict: tuple[int, int, int]
    excluded: dict[str, int]
    contactome: dict[tuple[int, int], tuple[int, int, float]]


def evaluate(
    segmentation,
    truth,
    predicted,
    *,
    voxel_size=(40.0, 4.0, 4.0),
    offset=(0.0, 0.0, 0.0),
    dilation=1,
    dilation_nm=None,
    min_segment_voxels=0,
    exclude_segments=(),
    split_disconnected=False,
    min_split_fraction=0.1,
    partner_rule="all-pairs",
    min_contact_voxels=1,
    predicted_form=None,
    threshold=None,
    min_synapse_voxels=1,
) -> Result:
    """Arrays in, every number out."""
    place = (voxel_size, offset)
    labels = without(as_integers(segmentation), [*BACKGROUND, IGNORE])
    new_ids, lost = set(), 0
    if split_disconnected:
        labels, new_ids, lost = split(labels, exclude_segments, min_split_fraction, min_segment_voxels)
    segments = list_segments(labels, exclude_segments, new_ids, min_segment_voxels, *place)
    kept = {i for i, segment in segments.items() if segment["status"] in ("kept", "split_off")}
    reach = offsets_to_structure(dilation, dilation_nm, voxel_size)
    near = {i: dilate(labels == i, reach) for i in segments}

    ignored = np.zeros(labels.shape, bool) if truth.dtype == bool else as_integers(truth) == IGNORE
    true_masks = label_truth(truth)
    found, counts = label_prediction(predicted, ignored, predicted_form, threshold, min_synapse_voxels)
    heat = predicted if threshold is not None else None
    rule = (partner_rule, min_contact_voxels)
    true_side = examine_side(true_masks, None, near, kept, rule, place)
    predicted_side = examine_side(found, heat, near, kept, rule, place)
    outcomes = compare(true_side.edges, predicted_side.edges)
    score = tuple(sum(outcome == name for outcome in outcomes.values()) for name in ("tp", "fp", "fn"))
    return Result(
        segments,
        true_side,
        predicted_side,
        outcomes,
        score,
        score_strictly(score, true_side, predicted_side),
        {
            "segments_listed": sum(s["status"] == "excluded" for s in segments.values()),
            "segments_below_size": sum(s["status"] == "below_size" for s in segments.values()),
            "split_voxels_to_background": lost,
            "truth_synapses_unattached": len(true_side.unattached()),
            "predicted_synapses_unattached": len(predicted_side.unattached()),
            "truth_pairs_filtered": true_side.pairs_filtered,
            "predicted_pairs_filtered": predicted_side.pairs_filtered,
            "ignored_voxels": int(ignored.sum()),
            **counts,
        },
        find_contactome(labels, {i: near[i] for i in kept}, voxel_size),
    )


# --- volumes -------------------------------------------------------------------------------------------------------


def as_integers(array) -> np.ndarray:
    """Any stored type as uint64."""
    return np.asarray(array).astype(np.uint64)


def without(labels, ids) -> np.ndarray:
    """Labels with some ids turned into background."""
    return np.where(np.isin(labels, np.array(ids, dtype=np.uint64)), np.uint64(0), labels)


def ids_of(labels) -> list[int]:
    """Ids other than 0, as Python integers."""
    return sorted({int(i) for i in labels.ravel()} - {0})


def components(mask) -> list[np.ndarray]:
    """26-connected components, by smallest linear index."""
    numbered, count = ndimage.label(mask, structure=ANY_NEIGHBOUR)
    return sorted((numbered == k for k in range(1, count + 1)), key=first_index)


def first_index(mask) -> int:
    return int(np.flatnonzero(mask)[0])


def measure(mask, voxel_size, offset) -> dict:
    """Size, mean position and outer faces of a set of voxels."""
    voxels = np.argwhere(mask)
    size, start = np.array(voxel_size), np.array(offset)
    return {
        "n_voxels": len(voxels),
        "volume_nm3": len(voxels) * prod(voxel_size),
        "position": tuple((start + (voxels + 0.5) * size).mean(axis=0)),
        "box": tuple(zip(start + voxels.min(axis=0) * size, start + (voxels.max(axis=0) + 1) * size, strict=True)),
    }


# --- segments ------------------------------------------------------------------------------------------------------


def split(labels, exclude, fraction, min_voxels) -> tuple[np.ndarray, set[int], int]:
    """Split volume, the new ids, and how many voxels became background."""
    result, taken, new_ids, lost = labels.copy(), set(ids_of(labels)), set(), 0
    for i in sorted(taken - set(exclude)):
        pieces = sorted(components(labels == i), key=lambda piece: (-piece.sum(), first_index(piece)))
        total = sum(int(piece.sum()) for piece in pieces)
        for piece in pieces[1:]:
            size = int(piece.sum())
            if Fraction(size, total) >= Fraction(str(fraction)) and size >= min_voxels:
                name = next(k for k in range(1, 2**64) if k not in taken | new_ids)
                new_ids.add(name)
                result[piece] = name
            else:
                lost += size
                result[piece] = 0
    return result, new_ids, lost


def list_segments(labels, exclude, new_ids, min_voxels, voxel_size, offset) -> dict[int, dict]:
    """Every segment, kept or not."""
    rows = {}
    for i in ids_of(labels):
        rows[i] = measure(labels == i, voxel_size, offset)
        if i in exclude and i not in new_ids:
            rows[i]["status"] = "excluded"
        elif rows[i]["n_voxels"] < min_voxels:
            rows[i]["status"] = "below_size"
        else:
            rows[i]["status"] = "split_off" if i in new_ids else "kept"
    return rows


# --- synapses ------------------------------------------------------------------------------------------------------


def label_truth(truth) -> dict[int, np.ndarray]:
    """A boolean truth is a mask, any other one labels."""
    if truth.dtype == bool:
        return dict(enumerate(components(truth), start=1))
    labels = without(as_integers(truth), [*BACKGROUND, IGNORE])
    return {i: labels == i for i in ids_of(labels)}


def label_prediction(predicted, ignored, form, threshold, min_voxels) -> tuple[dict[int, np.ndarray], dict[str, int]]:
    """Predicted synapses, and what was left out."""
    counts = {"ignored_synapses": 0, "nan_voxels": 0}
    if threshold is not None:
        counts["nan_voxels"] = int(np.isnan(predicted).sum()) if predicted.dtype.kind == "f" else 0
        masks = dict(enumerate(components((predicted >= threshold) & ~ignored), start=1))
    else:
        labels = without(as_integers(predicted), [*BACKGROUND, IGNORE])
        if (form or judge(predicted, labels)) == "mask":
            masks = dict(enumerate(components((labels != 0) & ~ignored), start=1))
        else:
            masks = {i: (labels == i) & ~ignored for i in ids_of(labels)}
            counts["ignored_synapses"] = sum(not mask.any() for mask in masks.values())
            masks = {i: mask for i, mask in masks.items() if mask.any()}
    large = {i: mask for i, mask in masks.items() if mask.sum() >= min_voxels}
    counts["predicted_synapses_below_size"] = len(masks) - len(large)
    return large, counts


def judge(predicted, labels) -> str:
    return "mask" if predicted.dtype == bool or ids_of(labels) in ([1], [255]) else "labels"


# --- contacts ------------------------------------------------------------------------------------------------------


def offsets_to_structure(dilation, dilation_nm, voxel_size) -> np.ndarray:
    """The set of offsets as a boolean array around its middle."""
    if dilation_nm is not None:
        reach = [floor(dilation_nm * (1 + 1e-9) / size) for size in voxel_size]
        z, y, x = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
        squares = (z * voxel_size[0]) ** 2 + (y * voxel_size[1]) ** 2 + (x * voxel_size[2]) ** 2
        return squares <= dilation_nm**2 * (1 + 1e-9)
    middle = np.zeros((3, 2 * dilation + 1, 2 * dilation + 1), dtype=bool)
    middle[1, dilation, dilation] = True
    if dilation == 0:
        return middle
    cross = ndimage.binary_dilation(middle, ndimage.generate_binary_structure(3, 1))
    diamond = ndimage.generate_binary_structure(2, 1)[None]
    return ndimage.binary_dilation(cross, diamond, iterations=dilation - 1) if dilation > 1 else cross


def dilate(mask, structure) -> np.ndarray:
    return ndimage.binary_dilation(mask, structure)


def find_overlaps(within, near) -> dict[tuple[int, int], np.ndarray]:
    """Voxels of `within` in the overlap of two dilated segments, for each pair that has any."""
    overlaps = {(a, b): within & near[a] & near[b] for a, b in combinations(sorted(near), 2)}
    return {pair: voxels for pair, voxels in overlaps.items() if voxels.any()}


def find_contactome(labels, near, voxel_size) -> dict[tuple[int, int], tuple[int, int, float]]:
    """(a, b) -> overlapping voxels, shared faces, their area."""
    areas = [voxel_size[1] * voxel_size[2], voxel_size[0] * voxel_size[2], voxel_size[0] * voxel_size[1]]
    everywhere = np.ones(labels.shape, dtype=bool)
    rows = {pair: (int(voxels.sum()), 0, 0.0) for pair, voxels in find_overlaps(everywhere, near).items()}
    for place in np.ndindex(labels.shape):
        for axis in range(3):
            beside = tuple(p + (k == axis) for k, p in enumerate(place))
            if beside[axis] == labels.shape[axis]:
                continue
            a, b = sorted((int(labels[place]), int(labels[beside])))
            if a != b and a in near and b in near:
                n_voxels, n_faces, area = rows.get((a, b), (0, 0, 0.0))
                rows[a, b] = (n_voxels, n_faces + 1, area + areas[axis])
    return rows


# --- links and edges -----------------------------------------------------------------------------------------------


def examine_side(masks, heat, near, kept, rule, place) -> Side:
    """From synapse voxels to edges."""
    side = Side(masks=masks)
    for synapse, mask in masks.items():
        side.synapses[synapse] = {**measure(mask, *place), **score_heat(mask, heat)}
        overlaps = find_overlaps(mask, near)
        rows = {pair: measure(voxels, *place) for pair, voxels in overlaps.items() if set(pair) <= kept}
        side.contacts.update({(synapse, *pair): row for pair, row in rows.items()})
        side.pairs_filtered += len(overlaps) - len(rows)
        chosen = choose_partners(rows, *rule)
        side.links.update({(synapse, *pair): rows[pair] for pair in chosen})
        touched = {i for i in kept if (near[i] & mask).any()}
        side.reasons[synapse] = "" if chosen else explain_unattached(rows, overlaps, touched)
    side.edges = gather_edges(side.links)
    return side


def score_heat(mask, heat) -> dict:
    if heat is None:
        return {"score_max": nan, "score_mean": nan}
    inside = heat[mask].astype(float)
    return {"score_max": inside.max(), "score_mean": inside.mean()}


def choose_partners(rows, rule, min_voxels) -> list[tuple[int, int]]:
    large = [pair for pair, row in rows.items() if row["n_voxels"] >= min_voxels]
    if rule == "top-pair":
        return sorted(large, key=lambda pair: (-rows[pair]["n_voxels"], pair))[:1]
    return sorted(large)


def explain_unattached(rows, overlaps, touched) -> str:
    if rows:
        return "below_contact"
    if overlaps:
        return "partner_filtered"
    return {0: "no_segment", 1: "one_segment"}.get(len(touched), "no_common_voxel")


def gather_edges(links) -> dict[tuple[int, int], dict]:
    """Links of all synapses joined by their pair."""
    edges = {}
    for pair in {(a, b) for _, a, b in links}:
        rows = {synapse: row for (synapse, a, b), row in links.items() if (a, b) == pair}
        largest = min(rows, key=lambda synapse: (-rows[synapse]["n_voxels"], synapse))
        edges[pair] = {
            "n_synapses": len(rows),
            "n_voxels": sum(row["n_voxels"] for row in rows.values()),
            "position": rows[largest]["position"],
        }
    return edges


def compare(truth, predicted) -> dict[tuple[int, int], str]:
    """tp, fp or fn for each pair of either side; a segment joined to itself is in no score."""
    pairs = {pair for pair in {*truth, *predicted} if pair[0] != pair[1]}
    return {pair: "tp" if pair in truth and pair in predicted else "fn" if pair in truth else "fp" for pair in pairs}


def score_strictly(score, truth, predicted) -> tuple[int, int, int]:
    """Unattached synapses are errors, unless they share a voxel with an unattached one of the other side."""
    tp, fp, fn = score
    invented = [s for s in predicted.unattached() if not meets(predicted.masks[s], truth)]
    missed = [s for s in truth.unattached() if not meets(truth.masks[s], predicted)]
    return tp, fp + len(invented), fn + len(missed)


def meets(mask, other) -> bool:
    return any((mask & other.masks[s]).any() for s in other.unattached())


def ratios(tp, fp, fn) -> tuple[float, float, float]:
    """Precision, recall and F1; 0/0 is not a number."""
    return tuple(
        part / whole if whole else nan for part, whole in ((tp, tp + fp), (tp, tp + fn), (2 * tp, 2 * tp + fp + fn))
    )
