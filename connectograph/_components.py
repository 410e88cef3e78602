"""Which nodes hang together, without the packages that would take longer to load than the search takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["label_components"]

Numbers = npt.NDArray[np.int64]

_PIECE = 2**18


def label_components(n_nodes: int, source: Numbers, target: Numbers) -> Numbers:
    """Smallest node of the component of every node, directions ignored.

    Parameters
    ----------
    n_nodes : int
    source, target : (E,) arrays of int64
        Ends of the pairs, below `n_nodes`.

    Returns
    -------
    (n_nodes,) array of int64

    Notes
    -----
    Labels are hooked on their smallest neighbour and chains shortened until no pair is apart, for a piece of the pairs
    at a time, because most join nothing new. O(E + pieces n log n).

    Examples
    --------
    >>> label_components(5, np.array([4, 3]), np.array([1, 4])).tolist()
    [0, 1, 2, 1, 1]
    """
    label = np.arange(n_nodes)
    for start in range(0, len(source), _PIECE):
        piece = slice(start, start + _PIECE)
        label = _join_labels(label, label[source[piece]], label[target[piece]])
    return label


def _join_labels(label: Numbers, source: Numbers, target: Numbers) -> Numbers:
    """Labels of which no pair is apart; `source` and `target` are labels."""
    while (apart := source != target).any():
        source, target = source[apart], target[apart]
        np.minimum.at(label, np.maximum(source, target), np.minimum(source, target))
        while (label != (shorter := label[label])).any():
            label = shorter
        source, target = label[source], label[target]
    return label
