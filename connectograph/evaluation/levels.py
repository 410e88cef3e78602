"""Synapses of a heat map at several thresholds at once: components that lie in one another.

A component at one threshold is a part of exactly one component at the next lower threshold. So a voxel needs only the
component at the highest threshold that it reaches: those at lower thresholds follow, and whatever is summed over
voxels is summed once and then handed down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.runs import expand, join_touching
from connectograph.synapses import Synapses

__all__ = ["Levels", "nest_components"]


@dataclass(frozen=True, eq=False)
class Levels:
    """Components at rising thresholds; number i, from 0 on, has the id i + 1.

    Attributes
    ----------
    parts : Synapses
        Of each component, the voxels that belong to no component at a higher threshold.
    first : (T + 1,) array of int64
        The components at threshold k are ``first[k]`` to ``first[k + 1]``, by their first voxel.
    parent : (P,) array of int64
        The component at the next lower threshold that holds this one; -1 at the lowest.
    """

    parts: Synapses
    first: npt.NDArray[np.int64]
    parent: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Number of thresholds."""
        return len(self.first) - 1

    def hand_down(
        self, keys: npt.NDArray[np.uint64], values: npt.NDArray[np.int64]
    ) -> Iterator[tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]]:
        """Sums over whole components from sums over their parts, from the highest threshold to the lowest.

        Parameters
        ----------
        keys : (n, m) array of uint64
            The id of the component, and what else the sums are grouped by.
        values : (n, v) array of int64

        Yields
        ------
        keys, values
            Of the components at one threshold.
        """
        from connectograph._kernels.hashing import sum_by_key

        level = np.searchsorted(self.first, keys[:, 0].astype(np.int64) - 1, side="right") - 1
        whole, sums = keys[:0], values[:0]
        for k in range(len(self) - 1, -1, -1):
            above = whole.copy()
            above[:, 0] = self.parent[whole[:, 0].astype(np.int64) - 1] + 1
            whole, sums = sum_by_key(
                np.concatenate([keys[level == k], above]), np.concatenate([values[level == k], sums])
            )
            yield whole, sums


def nest_components(synapses: Synapses, limits: npt.NDArray[np.float64]) -> Levels:
    """26-connected components of a heat map at several thresholds.

    Parameters
    ----------
    synapses : Synapses
        Of a heat map, at the lowest threshold.
    limits : (T,) array of float64
        Thresholds, ascending.

    Returns
    -------
    Levels

    Examples
    --------
    >>> from connectograph.synapses import label_synapses
    >>> from connectograph.volumes import Volume
    >>> heat = Volume(np.array([[[2, 9, 4, 9, 0, 5]]]), voxel_size=(40, 4, 4))
    >>> levels = nest_components(label_synapses(heat, threshold=1), np.array([1.0, 5.0]))
    >>> levels.first.tolist(), levels.parent.tolist()
    ([0, 2, 5], [-1, -1, 0, 0, 1])
    """
    starts, lengths, level = _cut_by_level(synapses, limits)
    component = np.full(len(starts), -1)
    first, parents = [0], []
    for k in range(len(limits)):
        active = np.flatnonzero(level >= k)
        number = _join(starts[active], lengths[active], synapses)
        parent = np.empty(int(number.max(initial=-1)) + 1, np.int64)
        parent[number] = component[active]
        component[active] = first[-1] + number
        first.append(first[-1] + len(parent))
        parents.append(parent)
    ids = np.arange(1, first[-1] + 1, dtype=np.uint64)
    parts = replace(synapses, ids=ids, starts=starts, lengths=lengths, codes=component, heat=None)
    return Levels(parts, np.array(first), np.concatenate(parents))


def _cut_by_level(
    synapses: Synapses, limits: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Runs of voxels that reach the same threshold as the highest, and its number."""
    heat: npt.NDArray[Any] = np.empty(0) if synapses.heat is None else synapses.heat
    reached = np.searchsorted(limits, heat.astype(np.float64), side="right") - 1
    voxels = expand(synapses.starts, synapses.lengths)
    ones = np.ones(len(voxels), np.int32)
    starts, lengths, level = join_touching(voxels, ones, reached.astype(np.uint64), synapses.shape[2])
    return starts, lengths, level.astype(np.int64)


def _join(starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int32], synapses: Synapses) -> npt.NDArray[np.int64]:
    """For each run its component among all of them, numbered by first voxel; runs may touch within a row."""
    from connectograph._kernels.runs import join_runs

    nothing = np.zeros(len(starts), np.uint64)
    whole, whole_lengths, labels = join_touching(starts, lengths, nothing, synapses.shape[2])
    component = np.unique(join_runs(whole, whole_lengths, labels, *synapses.shape[1:]), return_inverse=True)[1]
    number: npt.NDArray[np.int64] = component[np.searchsorted(whole, starts, side="right") - 1]
    return number
