"""One-to-one assignments, against trying all of them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from connectograph.matching import choose_pairs

candidates = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 4)), st.fractions(Fraction(1, 9), 1, max_denominator=9), max_size=12
)


def choose(found, most_pairs=False):
    left, right = (np.array([pair[end] for pair in found], np.int64) for end in (0, 1))
    weight = np.array([float(value) for value in found.values()])
    chosen = choose_pairs(left, right, weight, most_pairs=most_pairs)
    return [pair for pair, yes in zip(found, chosen, strict=True) if yes]


def all_assignments(found):
    """Every set of candidates in which nothing occurs twice."""
    sets = [()]
    for pair in found:
        sets += [(*other, pair) for other in sets if not any(p[0] == pair[0] or p[1] == pair[1] for p in other)]
    return sets


@given(candidates, st.booleans())
def test_no_other_assignment_is_better(found, most_pairs):
    chosen = choose(found, most_pairs)
    assert len({a for a, _ in chosen}) == len({b for _, b in chosen}) == len(chosen)
    sums = [(float(sum(found[pair] for pair in pairs)), len(pairs)) for pairs in all_assignments(found)]
    total = float(sum(found[pair] for pair in chosen))
    if most_pairs:
        most = max(number for _, number in sums)
        assert len(chosen) == most
        assert total == pytest.approx(max(weight for weight, number in sums if number == most), abs=1e-9)
    else:
        assert total == pytest.approx(max(sums)[0], abs=1e-9)


@given(candidates, st.booleans(), st.randoms(use_true_random=False))
def test_the_number_of_pairs_depends_on_neither_order_nor_side(found, most_pairs, random):
    order = random.sample(sorted(found), len(found))
    names = random.sample(range(50), 10)
    turned = {(names[b], names[a + 5]): found[a, b] for a, b in order}
    assert len(choose(turned, most_pairs)) == len(choose(found, most_pairs))


def test_equal_weight_goes_to_more_pairs():
    half, quarter = Fraction(1, 2), Fraction(1, 4)
    assert choose({(0, 0): half, (0, 1): quarter, (1, 0): quarter}) == [(0, 1), (1, 0)]


def test_a_chain_can_lose_a_pair_to_weight():
    """The difference between both rules: two good pairs against three poor ones."""
    chain = {(i, i): Fraction(1, 2) for i in range(3)} | {(i + 1, i): Fraction(1) for i in range(2)}
    assert choose(chain) == [(1, 0), (2, 1)]
    assert choose(chain, most_pairs=True) == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize("most_pairs", [False, True])
def test_large_components_are_those_of_the_dense_solver(most_pairs):
    rng = np.random.default_rng(0)
    n = 300
    weight = rng.random((n, n)) * (rng.random((n, n)) < 0.02)
    left, right = np.nonzero(weight)
    chosen = choose_pairs(left, right, weight[left, right], most_pairs=most_pairs)
    dense = weight + (weight > 0) * n * most_pairs
    best = linear_sum_assignment(dense, maximize=True)
    assert weight[left, right][chosen].sum() == pytest.approx(weight[best].sum(), rel=1e-9)
    assert chosen.sum() == (weight[best] > 0).sum()


def test_long_chains_end_in_time():
    """One component of 20,000: a dense solver would need 3 GB for it."""
    n = 10_000
    left, right = np.repeat(np.arange(n), 2)[:-1], np.repeat(np.arange(n), 2)[1:]
    weight = np.tile([0.5, 0.75], n)[:-1]
    for most_pairs in (False, True):
        chosen = choose_pairs(left, right, weight, most_pairs=most_pairs)
        assert chosen.sum() == (n if most_pairs else n - 1)
