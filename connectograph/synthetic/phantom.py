"""Whole phantoms: a segmentation, true and predicted synapses, and what was planted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from connectograph.errors import InputError
from connectograph.synthetic.images import render_heatmap, render_raw
from connectograph.synthetic.perturb import perturb_synapses
from connectograph.synthetic.plant import plant_synapses
from connectograph.synthetic.segmentation import make_segmentation
from connectograph.volumes import Shape, Volume

__all__ = ["Phantom", "make_phantom"]

SIZES: dict[str, tuple[Shape, int, int]] = {
    "small": ((40, 300, 300), 150, 120),
    "medium": ((64, 600, 600), 1_000, 500),
    "cremi": ((125, 1250, 1250), 9_000, 600),
}
"""Shape, number of segments and number of synapses of the named phantoms."""

SHARES = {"missed": 0.15, "invented": 0.2, "grown": 0.1, "shrunk": 0.1, "shifted": 0.1, "merged": 0.03}
"""Number of mistakes of each kind, per true synapse."""


@dataclass(frozen=True, eq=False)
class Phantom:
    """A made-up evaluation case with known answers.

    Attributes
    ----------
    segmentation, truth, predicted : Volume
        Segments; true clefts (background 2^64-1); predicted synapses as labels (background 0).
    planted : pandas.DataFrame
        Pairs that the true clefts were planted on; see :func:`plant_synapses`.
    changes : pandas.DataFrame
        What was done to each synapse; see :func:`perturb_synapses`.
    seed : int
        Of the images.
    """

    segmentation: Volume
    truth: Volume
    predicted: Volume
    planted: pd.DataFrame
    changes: pd.DataFrame
    seed: int

    @cached_property
    def raw(self) -> Volume:
        """Grey image; rendered when first asked for."""
        return render_raw(self.segmentation, self.truth, rng=self.seed)

    @cached_property
    def heatmap(self) -> Volume:
        """Heat map of the prediction, threshold 128; rendered when first asked for."""
        invented = self.changes.loc[self.changes["change"] == "invented", "predicted_id"]
        return render_heatmap(self.predicted, invented=invented.tolist(), rng=self.seed)


def make_phantom(
    size: str | Shape = "small",
    *,
    n_segments: int | None = None,
    n_synapses: int | None = None,
    rng: int | np.random.Generator = 0,
) -> Phantom:
    """Make a phantom: neuropil with planted synapses and a prediction with planted mistakes.

    Parameters
    ----------
    size : str or tuple of 3 ints
        "small" (40x300x300 voxels), "medium" (64x600x600), "cremi" (125x1250x1250); or a shape (z, y, x).
    n_segments, n_synapses : int, optional
        Instead of the named size's numbers; needed with a shape.
    rng : int or numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    Phantom
        Voxels of 40x4x4 nm. Of the true synapses 15 % are missed, 10 % each grown, shrunk and shifted, 6 % merged in
        pairs; another 20 % are invented (rounded down).

    Raises
    ------
    InputError
        If the size is unknown, or the numbers do not fit into it.

    Examples
    --------
    >>> phantom = make_phantom((8, 100, 100), n_segments=20, n_synapses=10, rng=0)
    >>> phantom.changes["change"].value_counts().sort_index().to_dict()
    {'grown': 1, 'invented': 2, 'missed': 1, 'same': 6, 'shifted': 1, 'shrunk': 1}
    """
    shape, segments, synapses = _resolve(size, n_segments, n_synapses)
    rng = np.random.default_rng(rng)
    segmentation = make_segmentation(shape, n_segments=segments, rng=rng)
    truth, planted = plant_synapses(segmentation, n_synapses=synapses, rng=rng)
    counts = {change: int(share * synapses) for change, share in SHARES.items()}
    predicted, changes = perturb_synapses(segmentation, truth, **counts, rng=rng)
    return Phantom(segmentation, truth, predicted, planted, changes, seed=int(rng.integers(2**32)))


def _resolve(size: str | Shape, n_segments: int | None, n_synapses: int | None) -> tuple[Shape, int, int]:
    """Shape and both numbers, from a name or as given."""
    if isinstance(size, str):
        if size not in SIZES:
            raise InputError(f"size is {size!r}; expected one of {', '.join(SIZES)}, or a shape (z, y, x).")
        shape, segments, synapses = SIZES[size]
        return shape, segments if n_segments is None else n_segments, synapses if n_synapses is None else n_synapses
    if n_segments is None or n_synapses is None:
        raise InputError(f"size is the shape {tuple(size)}: n_segments and n_synapses are needed with it.")
    return size, n_segments, n_synapses
