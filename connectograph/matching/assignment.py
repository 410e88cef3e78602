"""One-to-one assignment: of many candidate pairs, the best set in which nothing occurs twice."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["choose_pairs"]

_Codes: TypeAlias = npt.NDArray[np.int64]
_Weights: TypeAlias = npt.NDArray[np.float64]
_Mask: TypeAlias = npt.NDArray[np.bool_]

_EXACT_BITS = 50  # whole numbers below 2^53 are exact in a double; some room for sums of a few
_BATCH = 512


def choose_pairs(left: _Codes, right: _Codes, weight: _Weights, *, most_pairs: bool = False) -> _Mask:
    """The pairs of the best one-to-one assignment; nothing has to be assigned.

    Parameters
    ----------
    left, right : (C,) arrays of int64
        Candidate pairs, each once: positions 0, 1, ... on either side.
    weight : (C,) array of float64
        How good each is, above 0 and at most 1.
    most_pairs : bool
        Prefer the larger number of pairs to the larger total weight.

    Returns
    -------
    (C,) array of bool
        The candidates that are chosen.

    Notes
    -----
    Maximises (sum of weights, number of pairs) in this order, or in the other with `most_pairs`: the linear
    assignment problem [1]_, solved sparsely for each connected component of the candidates [2]_. Weights are rounded
    to whole multiples of 2^-b (b = 45 where three pairs can be chosen, 30 where 700 can) and all sums are exact, so
    the optimum, and with it the number of pairs, does not depend on the order of the candidates or on which side is
    which; of several optima the order decides. Dense solvers need n^3 time and n^2 memory, this one about
    O(C log C) for the small components that overlaps and distances make.

    References
    ----------
    .. [1] H. W. Kuhn, Naval Research Logistics Quarterly 2, 83-97, 1955.
    .. [2] R. Jonker and A. Volgenant, Computing 38, 325-340, 1987.

    Examples
    --------
    >>> left, right, weight = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0.9, 0.3, 0.4])
    >>> choose_pairs(left, right, weight).tolist()
    [True, False, False]
    >>> choose_pairs(left, right, weight, most_pairs=True).tolist()
    [False, True, True]
    """
    chosen = np.zeros(len(left), bool)
    if len(left) == 0:
        return chosen
    centre = _find_centres(left, right)
    chosen[_heaviest(centre, weight, np.flatnonzero(centre >= 0))] = True
    rest = np.flatnonzero(centre < 0)
    if len(rest) == 0:
        return chosen
    component, largest = _components(left[rest], right[rest])
    for part in _batches(component):
        at = rest[part]
        whole = _as_whole(weight[at], int(largest[component[part]].max()), most_pairs)
        chosen[at] = _assign(left[at], right[at], whole)
    return chosen


def _find_centres(left: _Codes, right: _Codes) -> _Codes:
    """The end that all pairs of a component have in common, so that one of them is chosen; -1 if there is none.

    Most components are such stars, and scipy's solver is not even imported for them. Right ends count on from left
    ones.
    """
    shared_left, shared_right = np.bincount(left) > 1, np.bincount(right) > 1
    left_is_centre = np.bincount(left, shared_right[right]) == 0
    right_is_centre = np.bincount(right, shared_left[left]) == 0
    around_right = np.where(right_is_centre[right], len(shared_left) + right, -1)
    return np.where(left_is_centre[left], left, around_right)


def _components(left: _Codes, right: _Codes) -> tuple[_Codes, _Codes]:
    """Component of each pair, and of each component how many pairs can be chosen at most."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_left, n_right = int(left.max()) + 1, int(right.max()) + 1
    shape = (n_left + n_right, n_left + n_right)
    graph = coo_array((np.ones(len(left), np.int8), (left, n_left + right)), shape=shape)
    count, label = connected_components(graph, directed=False)
    sizes = (np.bincount(label[np.unique(side)], minlength=count) for side in (left, n_left + right))
    return label[left].astype(np.int64), np.minimum(*sizes).astype(np.int64)


def _heaviest(component: _Codes, weight: _Weights, rows: _Codes) -> _Codes:
    """The heaviest of the given pairs in each component; ties to the first."""
    order = rows[np.lexsort((-weight[rows], component[rows]))]
    return order[np.unique(component[order], return_index=True)[1]]


def _batches(component: _Codes) -> list[npt.NDArray[np.intp]]:
    """Pairs of whole components, some hundred at a time: the solver's time grows with pairs x ends."""
    rows = np.argsort(component, kind="stable")
    begins = np.unique(component[rows], return_index=True)[1]
    cuts = begins[1:][np.diff(begins // _BATCH) > 0]
    return np.split(rows, cuts)


def _as_whole(weight: _Weights, most: int, most_pairs: bool) -> _Weights:
    """Whole numbers whose sum over at most `most` pairs orders sets by weight, then number, or the other way round."""
    bits = _EXACT_BITS - int(np.ceil(np.log2(2 * most * (most + 2))))
    whole = np.round(weight * 2.0**bits)
    return whole + (most + 1) * 2.0**bits if most_pairs else whole * (most + 1) + 1


def _assign(left: _Codes, right: _Codes, weight: _Weights) -> _Mask:
    """Pairs of largest total weight. A place of its own for each left end makes it free to stay alone."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    rows, i = np.unique(left, return_inverse=True)
    columns, j = np.unique(right, return_inverse=True)
    n, m = len(rows), len(columns)
    alone = np.arange(n)
    # every left end gets exactly one place, so that adding 1 to all weights changes nothing but avoids stored zeros
    data = np.concatenate([weight + 1, np.ones(n)])
    places = (np.concatenate([i, alone]), np.concatenate([j, m + alone]))
    found = min_weight_full_bipartite_matching(coo_array((data, places), shape=(n, m + n)).tocsr(), maximize=True)
    chosen: _Mask = np.isin(i * (m + n) + j, found[0].astype(np.int64) * (m + n) + found[1])
    return chosen
