"""Random small volumes with everything in them that goes wrong in large ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import connectograph as cg

IGNORE, LAST = 2**64 - 2, 2**64 - 1
SEGMENTS = [1, 2, 3, 4, 255, 256, 2**53, 2**53 + 1, 2**63 - 1, 2**63 + 1, 2**64 - 4, 2**64 - 3]
SYNAPSES = [1, 2, 7, 255, 2**32 + 5, 2**53, 2**53 + 1, 2**63 + 1, 2**64 - 3]
VOXEL_SIZES = [(40.0, 4.0, 4.0), (8.0, 8.0, 8.0), (3.0, 5.0, 7.5)]


@dataclass(frozen=True)
class Scene:
    """Three arrays, where they lie, and how to evaluate them."""

    segmentation: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    voxel_size: tuple[float, float, float] = (40.0, 4.0, 4.0)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    options: dict[str, Any] = field(default_factory=dict)

    def evaluate(self, *, workers: int | None = None, change=lambda role, array: array, **options) -> cg.Evaluation:
        """Run the library; `change(role, array)` may replace what an array is stored as."""
        volumes = {
            role: cg.Volume(change(role, getattr(self, role)), self.voxel_size, self.offset)
            for role in ("segmentation", "truth", "predicted")
        }
        return cg.evaluate(
            volumes["segmentation"],
            truth=volumes["truth"],
            predicted=volumes["predicted"],
            workers=workers,
            **{**self.options, **options},
        )


@st.composite
def label_arrays(draw, shape: tuple[int, ...], ids: list[int]) -> np.ndarray:
    """Noise, or patches of several voxels."""
    grain = draw(st.sampled_from([(1, 1, 1), (1, 2, 2), (2, 3, 3)]))
    coarse = tuple(ceil(size / step) for size, step in zip(shape, grain, strict=True))
    codes = draw(hnp.arrays("intp", coarse, elements=st.integers(0, len(ids) - 1)))
    for axis, step in enumerate(grain):
        codes = codes.repeat(step, axis)
    return np.array(ids, "uint64")[codes[: shape[0], : shape[1], : shape[2]]]


@st.composite
def id_pools(draw, ids: list[int], special: list[int], most: int) -> list[int]:
    chosen = draw(st.lists(st.sampled_from(ids), unique=True, min_size=1, max_size=most))
    return [0, 0, *chosen, *draw(st.lists(st.sampled_from(special), unique=True))]


@st.composite
def predictions(draw, shape: tuple[int, ...]) -> tuple[np.ndarray, dict[str, Any]]:
    """Labels, a mask in one of its dresses, or a heat map."""
    kind = draw(st.sampled_from(["labels", "mask", "said", "heat"]))
    if kind == "labels":
        return draw(label_arrays(shape, draw(id_pools(SYNAPSES, [IGNORE, LAST], 4)))), {}
    if kind == "said":
        form = draw(st.sampled_from(["labels", "mask"]))
        return draw(label_arrays(shape, draw(id_pools(SYNAPSES, [IGNORE, LAST], 2)))), {"predicted_form": form}
    if kind == "mask":
        one, dtype = draw(st.sampled_from([(1, "?"), (1, "u1"), (255, "u1"), (1, "u8"), (1, "f4")]))
        return draw(label_arrays(shape, [0, 0, one])).astype(dtype), {}
    values = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0, np.nan])
    heat = draw(hnp.arrays(draw(st.sampled_from(["f4", "f8"])), shape, elements=values))
    heat[0, 0, 0] = 0.3  # all undefined is an error of its own
    return heat, {"threshold": draw(st.sampled_from([0.3, 0.5, 0.7]))}


@st.composite
def scenes(draw, kinds=None) -> Scene:
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 7)))
    pool = draw(id_pools(SEGMENTS, [IGNORE, LAST], 5))
    segmentation = draw(label_arrays(shape, pool))
    truth = draw(label_arrays(shape, draw(id_pools(SYNAPSES, [IGNORE, LAST], 4))))
    if draw(st.integers(0, 4)) == 0:
        truth = (truth != 0) & (truth != LAST)
    predicted, form = draw(predictions(shape))
    voxel_size = draw(st.sampled_from(VOXEL_SIZES))
    sizes = [int(n) for n in np.unique(segmentation, return_counts=True)[1]]
    dilation = st.integers(0, 3).map(lambda n: {"dilation": n})
    radius = st.sampled_from([0.0, 3.0, 4.0, 8.0, 11.0, 40.0, 45.0]).map(lambda r: {"dilation_nm": r})
    options = {
        **form,
        **draw(dilation | radius),
        "min_segment_voxels": draw(st.sampled_from([0, 0, *sizes, *(n + 1 for n in sizes)])),
        "exclude_segments": tuple(draw(st.sets(st.sampled_from([*pool[2:], 1, 99]), max_size=2))),
        "split_disconnected": draw(st.booleans()),
        "min_split_fraction": draw(st.sampled_from([0.0, 0.1, 0.25, 0.5])),
        "partner_rule": draw(st.sampled_from(["all-pairs", "all-pairs", "top-pair"])),
        "min_contact_voxels": draw(st.sampled_from([1, 1, 2, 4])),
        "min_synapse_voxels": draw(st.sampled_from([1, 1, 2, 4])),
    }
    offset = draw(st.sampled_from([(0.0, 0.0, 0.0), (120.0, -8.0, 0.5)]))
    return Scene(segmentation, truth, predicted, voxel_size, offset, options)
