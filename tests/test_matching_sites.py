"""CREMI's synaptic-partner score, against the whole cost matrix and against all assignments."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from connectograph import InputError, SchemaError
from connectograph.io.files import dump_json
from connectograph.matching import compare_partner_sites
from connectograph.tables import empty_table, make_table

LIMIT = 400.0


def sites(rows):
    """Table of partner sites from (source, target, pre, post)."""
    source, target, pre, post = zip(*rows, strict=True) if rows else ((), (), (), ())
    n = len(rows)
    places = {
        f"{end}_{axis}_nm": [float(at[k]) for at in side]
        for end, side in (("pre", pre), ("post", post))
        for k, axis in enumerate("zyx")
    }
    ids = {"pre_site_id": range(n), "post_site_id": range(n, 2 * n), "source": source, "target": target}
    return make_table("partner_sites", {**ids, **places})


def line(*positions, source=1, target=2):
    """Sites along x, the postsynaptic one 20 nm behind the presynaptic one."""
    return sites([(source, target, (0, 0, x), (0, 0, x + 20)) for x in positions])


def cost_of(a, b, limit=LIMIT):
    """Cost of a match, or None."""
    if a[:2] != b[:2]:
        return None
    pre, post = math.dist(a[2], b[2]), math.dist(a[3], b[3])
    return None if max(pre, post) > limit else (pre + post) / 2


def cremi_count(truth, predicted, limit=LIMIT):
    """Number and total cost of the matches in the padded square cost matrix."""
    size = max(len(truth), len(predicted))
    costs = np.full((size, size), 2 * limit)
    for i, a in enumerate(predicted):
        for j, b in enumerate(truth):
            cost = cost_of(a, b, limit)
            costs[i, j] = 2 * limit if cost is None else cost
    rows, columns = linear_sum_assignment(costs - costs.max() - 1)
    chosen = costs[rows, columns]
    return int((chosen <= limit).sum()), float(chosen[chosen <= limit].sum())


places = st.tuples(*[st.integers(0, 4).map(lambda k: 130.0 * k)] * 3)
pairs = st.tuples(st.integers(0, 1), st.integers(1, 2), places, places)
few = st.lists(pairs, max_size=5)
seeds = st.integers(0, 2**32 - 1)


def scattered(seed, n):
    """Sites anywhere, so that no two assignments cost the same."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, 3, (n, 2)).tolist()
    pre = rng.random((n, 3)) * 900
    post = pre + rng.normal(size=(n, 3)) * 60
    return [(*pair, tuple(a), tuple(b)) for pair, a, b in zip(labels, pre.tolist(), post.tolist(), strict=True)]


@given(seeds, st.integers(1, 25), st.integers(1, 25))
def test_the_official_rule_is_that_of_the_whole_cost_matrix(seed, n, m):
    truth, predicted = scattered(seed, n), scattered(seed + 1, m)
    found = compare_partner_sites(sites(truth), sites(predicted))
    tp, cost = cremi_count(truth, predicted)
    assert (found.cremi.score.tp, found.cremi.score.fp, found.cremi.score.fn) == (tp, m - tp, n - tp)
    assert found.cremi.mean_distance == pytest.approx(cost / tp if tp else math.nan, nan_ok=True)
    assert found.n_candidates == sum(cost_of(a, b) is not None for a in truth for b in predicted)
    assert found.max_cardinality.score.tp >= tp


@given(few, few)
def test_both_rules_are_the_best_of_all_assignments(truth, predicted):
    costs = {(i, j): cost_of(a, b) for i, a in enumerate(truth) for j, b in enumerate(predicted)}
    allowed = {pair: cost for pair, cost in costs.items() if cost is not None}
    every = [()]
    for pair in allowed:
        every += [(*other, pair) for other in every if not any(p[0] == pair[0] or p[1] == pair[1] for p in other)]
    found = compare_partner_sites(sites(truth), sites(predicted))
    for match, best in (
        (found.cremi, max((sum(2 * LIMIT - allowed[pair] for pair in chosen), len(chosen)) for chosen in every)),
        (found.max_cardinality, max((len(chosen), -sum(allowed[pair] for pair in chosen)) for chosen in every)),
    ):
        chosen = list(zip(match.rows_truth.tolist(), match.rows_predicted.tolist(), strict=True))
        assert {*chosen} <= {*allowed}
        assert len({i for i, _ in chosen}) == len({j for _, j in chosen}) == match.score.tp == len(chosen)
        total = sum(allowed[pair] for pair in chosen)
        if match is found.cremi:
            assert 2 * LIMIT * len(chosen) - total == pytest.approx(best[0])
        else:
            assert (len(chosen), -total) == pytest.approx(best)


def test_the_official_rule_can_miss_a_match():
    """Three pairs in a chain: two matches at no distance cost less than three at the limit."""
    found = compare_partner_sites(line(0, 400, 800), line(400, 800, 1200))
    assert (found.cremi.score.tp, found.cremi.score.fp, found.cremi.score.fn) == (2, 1, 1)
    assert (found.max_cardinality.score.tp, found.max_cardinality.score.f1) == (3, 1.0)
    assert (found.cremi.mean_distance, found.max_cardinality.mean_distance) == (0, 400)
    assert found.cremi.rows_truth.tolist() == [1, 2]
    assert found.cremi.rows_predicted.tolist() == [0, 1]


def test_the_limit_itself_is_allowed_and_both_ends_must_keep_it():
    truth = line(0)
    assert compare_partner_sites(truth, line(400)).cremi.score.tp == 1
    assert compare_partner_sites(truth, line(400.001)).cremi.score.tp == 0
    for pre, post in (((0, 0, 0), (0, 0, 421)), ((0, 0, 401), (0, 0, 20))):
        assert compare_partner_sites(truth, sites([(1, 2, pre, post)])).n_candidates == 0
    assert compare_partner_sites(truth, line(390), max_distance_nm=389).cremi.score.tp == 0


def test_distances_are_nanometres():
    """Ten sections are 400 nm, ten voxels in the plane are 40 nm."""
    truth = sites([(1, 2, (0, 0, 0), (0, 0, 0))])
    assert compare_partner_sites(truth, sites([(1, 2, (400, 0, 0), (400, 0, 0))])).cremi.mean_distance == 400
    assert compare_partner_sites(truth, sites([(1, 2, (440, 0, 0), (440, 0, 0))])).cremi.score.tp == 0
    assert compare_partner_sites(truth, sites([(1, 2, (0, 40, 0), (0, 40, 0))])).cremi.mean_distance == 40


def test_only_the_same_segments_in_the_same_direction_match():
    truth = line(0)
    for source, target in ((2, 1), (1, 3), (3, 2), (2**63 + 1, 2)):
        assert compare_partner_sites(truth, line(0, source=source, target=target)).cremi.score.tp == 0
    assert compare_partner_sites(line(0, source=2**53), line(0, source=2**53 + 1)).cremi.score.tp == 0
    background = line(0, source=0, target=0)
    assert compare_partner_sites(background, background).cremi.score.tp == 1


def test_errors_near_the_border_are_counted():
    bounds = ((0.0, 0.0, 0.0), (5000.0, 5000.0, 5000.0))

    def row(x):
        return (1, 2, (2000, 2000, x), (2000, 2000, x + 20))

    truth, predicted = sites([row(300), row(2000)]), sites([row(4590), row(4570), row(2000)])
    found = compare_partner_sites(truth, predicted, bounds_nm=bounds)
    for match in (found.cremi, found.max_cardinality):
        assert (match.score.tp, match.n_fn_at_border, match.n_fp_at_border) == (1, 1, 1)
    report = compare_partner_sites(truth, predicted).to_dict()
    assert report["cremi"]["n_fp_at_border"] is None
    assert report["cremi"]["n_at_border_reason"] == "the bounds are not known"


# ---------------------------------------------------------------------------------------------------------- contracts
@given(few)
def test_identity(rows):
    table = sites(rows)
    found = compare_partner_sites(table, table)
    for match in (found.cremi, found.max_cardinality):
        assert (match.score.tp, match.score.fp, match.score.fn) == (len(rows), 0, 0)
        assert match.mean_distance == 0 if rows else math.isnan(match.mean_distance)


@given(few, few)
def test_swap(truth, predicted):
    found, other = (compare_partner_sites(*map(sites, pair)) for pair in ((truth, predicted), (predicted, truth)))
    for a, b in ((found.cremi, other.cremi), (found.max_cardinality, other.max_cardinality)):
        assert (a.score.tp, a.score.fp, a.score.fn) == (b.score.tp, b.score.fn, b.score.fp)
        assert a.mean_distance == pytest.approx(b.mean_distance, nan_ok=True)


@given(few, few)
def test_relabelling(truth, predicted):
    names = {0: 2**64 - 3, 1: 2**53 + 1, 2: 7}
    turned = [[(names[a], names[b], *rest) for a, b, *rest in side] for side in (truth, predicted)]
    found, other = (compare_partner_sites(*map(sites, pair)) for pair in ((truth, predicted), turned))
    assert found.to_dict() == other.to_dict()


def test_empty_and_complete():
    nothing, one = empty_table("partner_sites"), line(0)
    for truth, predicted, counts in (
        (nothing, nothing, (0, 0, 0)), (nothing, one, (0, 1, 0)), (one, nothing, (0, 0, 1)), (one, one, (1, 0, 0)),
    ):  # fmt: skip
        report = compare_partner_sites(truth, predicted, bounds_nm=((0, 0, 0), (9, 9, 9))).to_dict()
        for rule in ("cremi", "max_cardinality"):
            assert (report[rule]["tp"], report[rule]["fp"], report[rule]["fn"]) == counts
            assert (report[rule]["f1"] is None) == (counts == (0, 0, 0))
        assert json.loads(dump_json(report)) == json.loads(json.dumps(report, allow_nan=False))


def test_inputs_stay_as_they_are():
    truth, predicted = line(0, 300), line(100)
    copies = truth.copy(), predicted.copy()
    compare_partner_sites(truth, predicted)
    assert truth.equals(copies[0])
    assert predicted.equals(copies[1])


def test_thirty_thousand_pairs_need_no_matrix():
    """The reference would need 7 GB for them."""
    rng = np.random.default_rng(0)
    n = 30_000
    pre = rng.random((n, 3)) * [2000, 20_000, 20_000]
    labels = rng.integers(1, 300, (n, 2))

    def table(move):
        at = {
            f"{end}_{axis}_nm": pre[:, k] + move * rng.normal(size=n)
            for end in ("pre", "post")
            for k, axis in enumerate("zyx")
        }
        ids = {"pre_site_id": range(n), "post_site_id": range(n), "source": labels[:, 0], "target": labels[:, 1]}
        return make_table("partner_sites", {**ids, **at})

    found = compare_partner_sites(table(0), table(50))
    assert found.cremi.score.tp >= 0.999 * n
    assert found.max_cardinality.score.tp >= found.cremi.score.tp


@pytest.mark.parametrize("distance", [0, -1, math.nan, math.inf])
def test_a_distance_that_makes_no_sense_is_refused(distance):
    with pytest.raises(InputError, match="max_distance_nm is"):
        compare_partner_sites(line(0), line(0), max_distance_nm=distance)


def test_tables_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match=r"prediction: 1 rows .* first is row 1"):
        compare_partner_sites(line(0), line(0, math.nan))
    with pytest.raises(SchemaError, match="lacks the column 'pre_z_nm'"):
        compare_partner_sites(line(0), line(0).drop(columns="pre_z_nm"))
