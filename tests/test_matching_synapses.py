"""Synapses matched by their voxels, and the partners of the matches."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.metrics import contingency_table

from connectograph import InputError, SchemaError, Volume, label_synapses, measure_synapses
from connectograph.io.files import dump_json
from connectograph.matching import match_synapses, overlap_synapses
from connectograph.tables import empty_table, make_table, validate_table

VOXEL_SIZE, OFFSET = (40.0, 4.0, 4.0), (0.0, 8.0, -4.0)
BIG = 2**53 + 1
IDS = np.array([0, 0, 3, 4, 5, BIG, 2**64 - 3], "uint64")
shapes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 8))


def place(array):
    return label_synapses(Volume(np.asarray(array, "uint64"), VOXEL_SIZE, OFFSET, name="s"), form="labels")


def row(*labels):
    return place([[labels]])


def links_of(found, directed=False):
    """Links table from {synapse: [(source, target), ...]}."""
    rows = [(synapse, a, b) for synapse, pairs in found.items() for a, b in pairs]
    synapse, source, target = zip(*rows, strict=True) if rows else ((), (), ())
    n = len(rows)
    nothing = {name: [0.0] * n for name in ("score", "z_nm", "y_nm", "x_nm")}
    return make_table(
        "links",
        {"synapse_id": synapse, "source": source, "target": target, "directed": [directed] * n, "n_voxels": [1] * n,
         **nothing},
    )  # fmt: skip


@st.composite
def arrays(draw):
    """Two label arrays of one shape: noise, or stretches."""
    shape = draw(shapes)
    grain = draw(st.integers(1, 3))
    codes = [draw(hnp.arrays("intp", shape, elements=st.integers(0, len(IDS) - 1))) for _ in range(2)]
    return [IDS[side.repeat(grain, 2)[:, :, : shape[2]]] for side in codes]


# ------------------------------------------------------------------------------------------------------ slow programs
def voxels_of(array):
    return {int(i): set(np.flatnonzero(array == i).tolist()) for i in np.unique(array) if i}


def overlaps_of(truth, predicted):
    return {(t, p): len(a & b) for t, a in truth.items() for p, b in predicted.items() if a & b}


def all_matchings(pairs):
    sets = [()]
    for pair in pairs:
        sets += [(*other, pair) for other in sets if not any(p[0] == pair[0] or p[1] == pair[1] for p in other)]
    return sets


@given(arrays())
def test_shared_voxels_are_those_of_dense_volumes(sides):
    truth, predicted = sides
    expected = overlaps_of(*map(voxels_of, sides))
    table = validate_table("synapse_overlaps", overlap_synapses(*map(place, sides)))
    keys = list(zip(table["synapse_id_truth"].tolist(), table["synapse_id_predicted"].tolist(), strict=True))
    assert keys == sorted(expected)
    assert table["n_voxels_shared"].tolist() == [expected[key] for key in keys]
    assert table["n_voxels_truth"].tolist() == [int((truth == t).sum()) for t, _ in keys]
    assert table["n_voxels_predicted"].tolist() == [int((predicted == p).sum()) for _, p in keys]
    small = [np.unique(side, return_inverse=True)[1].reshape(side.shape) for side in sides]
    counted = contingency_table(*small).toarray()
    known = [np.flatnonzero(np.unique(side) != 0) for side in sides]
    assert counted[np.ix_(*known)].sum() == table["n_voxels_shared"].sum()


@given(arrays(), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from(["iou", "max_cardinality"]))
def test_matches_are_the_best_of_all(sides, min_iou, rule):
    truth, predicted = map(voxels_of, sides)
    shared = overlaps_of(truth, predicted)
    iou = {(t, p): Fraction(n, len(truth[t] | predicted[p])) for (t, p), n in shared.items()}
    iou = {pair: value for pair, value in iou.items() if value >= min_iou}
    found = match_synapses(*map(place, sides), min_iou=min_iou, rule=rule)
    sets = [(sum((iou[pair] for pair in pairs), Fraction()), len(pairs)) for pairs in all_matchings(iou)]
    if rule == "max_cardinality":
        best = max(n for _, n in sets), max(total for total, n in sets if n == max(n for _, n in sets))
        assert found.score.tp == best[0]
    else:
        best = None, max(sets)[0]
    tp = found.table[found.table["outcome"] == "tp"]
    chosen = list(zip(tp["synapse_id_truth"].tolist(), tp["synapse_id_predicted"].tolist(), strict=True))
    assert {*chosen} <= {*iou}
    assert tp["iou"].sum() == pytest.approx(float(best[1]), abs=1e-9)
    assert tp["iou"].tolist() == [float(iou[pair]) for pair in chosen]
    n_missed = sum(not any(t == a for a, _ in shared) for t in truth)
    n_invented = sum(not any(p == b for _, b in shared) for p in predicted)
    assert (found.n_missed, found.n_invented) == (n_missed, n_invented)
    taken, used = {t for t, _ in chosen}, {p for _, p in chosen}
    assert found.n_duplicates == len({p for t, p in shared if p not in used and t in taken})
    assert found.n_absorbed == len({t for t, p in shared if t not in taken and p in used})
    assert found.score.fn == len(truth) - len(chosen)
    assert found.score.fp == len(predicted) - len(chosen)
    if min_iou == 0:
        assert found.score.fn == found.n_missed + found.n_absorbed
        assert found.score.fp == found.n_invented + found.n_duplicates
    for histogram, own, end in ((found.predicted_per_truth, truth, 0), (found.truth_per_predicted, predicted, 1)):
        counts = [sum(pair[end] == i for pair in shared) for i in own]
        assert histogram == {n: counts.count(n) for n in sorted({*counts})}
    foreground = [side != 0 for side in sides]
    both, either = (f(*foreground).sum() for f in (np.logical_and, np.logical_or))
    assert found.voxels.iou == pytest.approx(both / either if either else math.nan, nan_ok=True)
    total = foreground[0].sum() + foreground[1].sum()
    assert found.voxels.dice == pytest.approx(2 * both / total if total else math.nan, nan_ok=True)


@given(arrays())
def test_every_synapse_has_one_row(sides):
    synapses = list(map(place, sides))
    table = validate_table("synapse_matches", match_synapses(*synapses).table)
    for side, name, outcomes in zip(synapses, ("truth", "predicted"), (("tp", "fn"), ("tp", "fp")), strict=True):
        own = table[table["outcome"].isin(outcomes)]
        assert sorted(own[f"synapse_id_{name}"].tolist()) == side.ids.tolist()
        assert not table[~table["outcome"].isin(outcomes)][f"synapse_id_{name}"].any()
        measured = measure_synapses(side).set_index("synapse_id")
        assert own[f"n_voxels_{name}"].tolist() == measured.loc[own[f"synapse_id_{name}"], "n_voxels"].tolist()
        only = own if name == "truth" else own[own["outcome"] == "fp"]
        for axis in ("z_nm", "y_nm", "x_nm"):
            assert only[axis].tolist() == measured.loc[only[f"synapse_id_{name}"], axis].tolist()
    keys = list(zip(table["synapse_id_truth"].tolist(), table["synapse_id_predicted"].tolist(), strict=True))
    assert keys == sorted(keys)
    assert (table["n_voxels_shared"] > 0).tolist() == (table["outcome"] == "tp").tolist()
    assert table["iou"].isna().tolist() == (table["outcome"] != "tp").tolist()


# ---------------------------------------------------------------------------------------------------- counted by hand
def test_counted_by_hand():
    #             0  1  2  3  4  5  6  7  8  9 10 11 12 13
    truth = row(0, 3, 3, 3, 3, 0, 4, 4, 0, 5, 5, 0, 6, 0)
    found = row(0, 7, 7, 7, 0, 7, 7, 0, 8, 8, 9, 9, 0, 1)
    # 3 shares 3 with 7 (of 4 and 5), 4 shares 1 with 7; 5 shares 1 with 8 and 1 with 9 (of 2 and 2 each); 6 nothing
    match = match_synapses(truth, found)
    table = match.table[["synapse_id_truth", "synapse_id_predicted", "outcome", "n_voxels_shared"]]
    assert table.to_numpy().tolist() == [
        [0, 1, "fp", 0], [0, 9, "fp", 0], [3, 7, "tp", 3], [4, 0, "fn", 0], [5, 8, "tp", 1], [6, 0, "fn", 0],
    ]  # fmt: skip
    assert (match.score.precision, match.score.recall, match.score.f1) == (0.5, 0.5, 0.5)
    assert (match.n_missed, match.n_absorbed, match.n_invented, match.n_duplicates) == (1, 1, 1, 1)
    assert match.predicted_per_truth == {0: 1, 1: 2, 2: 1}
    assert match.truth_per_predicted == {0: 1, 1: 2, 2: 1}
    assert (match.n_split, match.n_merged) == (1, 1)
    assert match.mean_iou == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert match.panoptic_quality == pytest.approx((1 / 2 + 1 / 3) / 4)
    assert (match.voxels.n_voxels_truth, match.voxels.n_voxels_predicted, match.voxels.n_voxels_shared) == (9, 10, 6)
    assert (match.voxels.iou, match.voxels.dice) == (6 / 13, 12 / 19)
    assert match.table["x_nm"].tolist()[0] == -4 + 13.5 * 4


def test_the_criterion_is_an_iou_that_may_be_equal():
    truth, found = row(3, 3, 3, 0), row(0, 7, 7, 7)  # 2 of 4
    assert match_synapses(truth, found, min_iou=0.5).score.tp == 1
    missed = match_synapses(truth, found, min_iou=0.51)
    assert (missed.score.fp, missed.score.fn, missed.n_missed, missed.n_duplicates, missed.n_absorbed) == (
        1,
        1,
        0,
        0,
        0,
    )
    assert missed.to_dict()["mean_iou_reason"] == "no synapse is matched"


def test_the_largest_total_is_not_the_largest_number():
    #           A overlaps X by most of it; B touches only X, A touches Y by a voxel
    truth, found = row(3, 3, 3, 3, 3, 4, 0, 0, 0, 0), row(8, 7, 7, 7, 7, 7, 0, 0, 0, 0)
    assert match_synapses(truth, found).table["outcome"].tolist() == ["fp", "tp", "fn"]
    both = match_synapses(truth, found, rule="max_cardinality")
    assert (both.score.tp, both.score.fp, both.score.fn) == (2, 0, 0)
    assert both.mean_iou == pytest.approx((1 / 5 + 1 / 5) / 2)


def test_ties_go_to_the_first_voxel_whatever_the_ids():
    """One prediction over the same share of two synapses, and two over the same share of one."""
    for a, b in ((3, 4), (4, 3), (BIG, 1)):
        merged = match_synapses(row(a, a, b, b), row(7, 7, 7, 7)).table
        assert merged.loc[merged["outcome"] == "tp", "synapse_id_truth"].tolist() == [a]
        split = match_synapses(row(7, 7, 7, 7), row(a, a, b, b)).table
        assert split.loc[split["outcome"] == "tp", "synapse_id_predicted"].tolist() == [a]


def test_synapses_at_the_border_are_flagged():
    """A synapse that the crop cuts may lose its match to the crop: such errors are counted apart."""
    truth, found = np.zeros((3, 5, 5), int), np.zeros((3, 5, 5), int)
    truth[1, 1:3, 1:3], truth[1, 4, 2], truth[1, 2, 4] = 3, 4, 5
    found[1, 2, 0], found[0, 3, 3], found[1, 3, 1], found[1, 2, 4] = 6, 7, 8, 9
    match = match_synapses(place(truth), place(found))
    assert (match.score.fn, match.score.fp) == (2, 3)
    assert (match.n_fn_at_border, match.n_fp_at_border) == (1, 2)
    flagged = match.table[match.table["at_border"]]
    assert sorted((flagged["synapse_id_truth"] + flagged["synapse_id_predicted"]).tolist()) == [4, 6, 7, 5 + 9]


# ---------------------------------------------------------------------------------------------------------- contracts
@given(arrays())
def test_identity(sides):
    synapses = place(sides[0])
    match = match_synapses(synapses, synapses, links_truth=empty_table("links"), links_predicted=empty_table("links"))
    assert (match.score.tp, match.score.fp, match.score.fn) == (len(synapses), 0, 0)
    assert set(match.table["iou"]) <= {1.0}
    if len(synapses):
        assert match.mean_iou == match.voxels.iou == match.panoptic_quality == 1
        assert match.sizes.bias == match.sizes.spread == 0


@given(arrays(), st.sampled_from(["iou", "max_cardinality"]))
def test_swap(sides, rule):
    synapses = list(map(place, sides))
    match, other = match_synapses(*synapses, rule=rule), match_synapses(*synapses[::-1], rule=rule)
    assert (match.score.tp, match.score.fp, match.score.fn) == (other.score.tp, other.score.fn, other.score.fp)
    assert match.predicted_per_truth == other.truth_per_predicted
    assert (match.n_missed, match.n_invented) == (other.n_invented, other.n_missed)
    assert match.mean_iou == pytest.approx(other.mean_iou, nan_ok=True)
    assert (match.voxels.iou, match.voxels.dice) == pytest.approx((other.voxels.iou, other.voxels.dice), nan_ok=True)


@given(arrays(), st.permutations([1, 2, 7, 2**63, 2**64 - 4]))
def test_relabelling(sides, names):
    """Names have no say, not even where several matchings are equally good."""
    known = np.unique(IDS)
    renamed = np.array([0, *names], "uint64")
    turned = [renamed[np.searchsorted(known, side)] for side in sides]
    match, other = (match_synapses(*map(place, pair)) for pair in (sides, turned))
    assert match.to_dict() == other.to_dict()
    back = dict(zip(renamed.tolist(), known.tolist(), strict=True))
    columns = ["synapse_id_truth", "synapse_id_predicted"]
    rows = [sorted(tuple(r) for r in m.table[columns].to_numpy().tolist()) for m in (match, other)]
    assert rows[0] == sorted((back[a], back[b]) for a, b in rows[1])


def test_empty_and_complete():
    nothing, one = row(0, 0, 0), row(5, 5, 5)
    for truth, found, counts in ((nothing, nothing, (0, 0, 0)), (nothing, one, (0, 1, 0)), (one, nothing, (0, 0, 1))):
        links = [links_of({int(i): [(1, 2)] for i in side.ids}) for side in (truth, found)]
        match = match_synapses(truth, found, links_truth=links[0], links_predicted=links[1])
        assert (match.score.tp, match.score.fp, match.score.fn) == counts
        report = match.to_dict()
        assert json.loads(dump_json(report)) == json.loads(json.dumps(report, allow_nan=False))
        assert report["mean_iou"] is None
        assert report["partners"]["accuracy_reason"] == "no matched synapse joins a pair"
        assert report["partners"]["links"]["tp"] == 0
        assert len(validate_table("synapse_matches", match.table)) == sum(counts)
    assert match_synapses(nothing, nothing).to_dict()["f1_reason"] == "neither side has a synapse"
    assert match_synapses(place(np.zeros((0, 3, 4))), place(np.zeros((0, 3, 4)))).score.tp == 0
    whole = match_synapses(one, row(9, 9, 9))
    assert (whole.score.f1, whole.mean_iou, whole.voxels.iou) == (1, 1, 1)


def test_inputs_stay_as_they_are():
    truth, found = row(3, 3, 0, 4), row(0, 7, 7, 7)
    links = links_of({3: [(1, 2)], 4: [(2, 3), (5, 5)]}), links_of({7: [(2, 1)]})
    copies = [links[0].copy(), links[1].copy()]
    arrays = [getattr(side, name).copy() for side in (truth, found) for name in ("ids", "starts", "lengths", "codes")]
    for side in (truth, found):
        for name in ("ids", "starts", "lengths", "codes"):
            getattr(side, name).setflags(write=False)
    match_synapses(truth, found, links_truth=links[0], links_predicted=links[1])
    match_synapses(truth, found, links_truth=links[0], links_predicted=links[1], rule="centroid", dilation_nm=8)
    now = [getattr(side, name) for side in (truth, found) for name in ("ids", "starts", "lengths", "codes")]
    assert all(np.array_equal(a, b) for a, b in zip(arrays, now, strict=True))
    assert all(a.equals(b) for a, b in zip(copies, links, strict=True))


# ----------------------------------------------------------------------------------------------------------- partners
def joined(given, found, directed=False):
    """Partners of synapses 1, 2, ... that match perfectly, with these pairs."""
    synapses = row(*range(1, len(given) + 1))
    links = [links_of(dict(enumerate(side, 1)), directed) for side in (given, found)]
    return match_synapses(synapses, synapses, links_truth=links[0], links_predicted=links[1])


def test_partners_counted_by_hand():
    given = [[(1, 2)], [(1, 2)], [(1, 2), (1, 3)], [(1, 2), (1, 3)], [(1, 2)], [(1, 2)], [], []]
    found = [[(1, 2)], [(1, 2), (1, 3)], [(1, 2)], [(1, 2), (1, 4)], [(3, 4)], [], [(1, 2)], []]
    match = joined(given, found)
    names = ["equal", "superset", "subset", "partial", "disjoint", "disjoint", "disjoint", ""]
    assert match.table["partners"].tolist() == names
    partners = match.partners
    assert (partners.n_compared, partners.n_unlinked) == (7, 1)
    counts = (partners.n_equal, partners.n_superset, partners.n_subset, partners.n_partial, partners.n_disjoint)
    assert counts == (1, 1, 1, 1, 3)
    assert partners.accuracy == 1 / 7
    assert (partners.n_pairs_truth, partners.n_pairs_predicted, partners.n_pairs_shared) == (8, 8, 4)
    assert (partners.pair_precision, partners.pair_recall, partners.pair_jaccard) == (4 / 8, 4 / 8, 4 / 12)
    assert partners.mean_jaccard == pytest.approx((1 + 1 / 2 + 1 / 2 + 1 / 3) / 7)
    assert partners.mean_precision == pytest.approx((1 + 1 / 2 + 1 + 1 / 2 + 0 + 0) / 6)
    assert partners.mean_recall == pytest.approx((1 + 1 + 1 / 2 + 1 / 2 + 0 + 0) / 6)
    assert partners.excess_pairs == {-1: 2, 0: 3, 1: 2}
    assert (partners.links.tp, partners.links.fp, partners.links.fn) == (4, 4, 4)
    report = partners.to_dict()
    for name in ("flip_rate", "source_accuracy", "target_accuracy", "n_flipped", "n_same_source", "n_same_target"):
        assert report[name] is None
        assert report[f"{name}_reason"] == "the links are undirected"


def test_directed_partners_counted_by_hand():
    given = [[(1, 2)], [(1, 2)], [(1, 2)], [(1, 2)], [(1, 2), (1, 3)], [(1, 2), (2, 1)]]
    found = [[(1, 2)], [(2, 1)], [(1, 9)], [(9, 2)], [(2, 1), (3, 1)], [(2, 1), (1, 2)]]
    partners = joined(given, found, directed=True).partners
    assert (partners.n_equal, partners.n_flipped, partners.n_same_undirected) == (2, 2, 4)
    assert (partners.n_same_source, partners.n_same_target) == (3, 3)
    assert (partners.source_accuracy, partners.target_accuracy, partners.flip_rate) == (3 / 6, 3 / 6, 2 / 6)
    assert partners.undirected_accuracy == 4 / 6


def test_autapses_are_counted_apart():
    given = [[(1, 2)], [(1, 2), (3, 3)], [(4, 4)]]
    found = [[(1, 2), (1, 1)], [(1, 2)], [(4, 4), (5, 5)]]
    match = joined(given, found, directed=True)
    partners = match.partners
    assert (partners.n_autapses_truth, partners.n_autapses_predicted) == (2, 3)
    assert (partners.autapse_rate_truth, partners.autapse_rate_predicted) == (2 / 4, 3 / 5)
    assert (partners.n_equal, partners.n_compared, partners.n_unlinked) == (2, 2, 1)
    assert (partners.links.tp, partners.links.fp, partners.links.fn) == (2, 0, 0)
    assert match.table["n_pairs_truth"].tolist() == [1, 1, 0]


def test_precision_recall_and_partners_are_three_numbers():
    """A detector can find every synapse and join none of them rightly; each number names its unit."""
    match = joined([[(1, 2)]] * 4, [[(1, 2)], [(1, 3)], [(1, 4)], [(1, 5)]])
    report = match.to_dict()
    assert (report["precision"], report["recall"], report["partners"]["accuracy"]) == (1, 1, 0.25)
    assert (report["unit"], report["partners"]["links"]["unit"]) == ("synapse", "link")


def test_objects_are_not_links():
    """One presynaptic site with five partners, one with one: half the objects, most of the links."""
    truth, found = row(1, 0, 2), row(1, 0, 0)
    posts = [(9, k) for k in range(1, 6)]
    match = match_synapses(
        truth, found, links_truth=links_of({1: posts, 2: [(9, 1)]}), links_predicted=links_of({1: posts})
    )
    assert (match.score.recall, match.partners.links.recall) == (1 / 2, 5 / 6)


def test_overlap_and_connectivity_disagree():
    """A sliver of the right synapse joins the right pair; a nearly perfect mask joins a wrong one."""
    truth = row(1, 1, 1, 1, 1, 1, 0, 2, 2, 2)
    found = row(1, 0, 0, 0, 0, 0, 0, 2, 2, 2)
    match = match_synapses(
        truth, found,
        links_truth=links_of({1: [(1, 2)], 2: [(1, 2)]}), links_predicted=links_of({1: [(1, 2)], 2: [(1, 3)]}),
    )  # fmt: skip
    partners = match.partners
    assert (partners.n_good_overlap_wrong_pairs, partners.n_poor_overlap_right_pairs) == (1, 1)
    assert (partners.mean_iou_equal, partners.mean_iou_unequal) == (1 / 6, 1)


def test_duplicates_raise_the_weight_but_not_the_edge():
    """Two predictions of one synapse: one more link of the same pair, no other pair."""
    truth, found = row(1, 1, 1, 1), row(5, 5, 6, 6)
    match = match_synapses(
        truth, found, links_truth=links_of({1: [(1, 2)]}), links_predicted=links_of({5: [(1, 2)], 6: [(1, 2)]})
    )
    assert (match.n_duplicates, match.n_split, match.score.fp) == (1, 1, 1)
    assert (match.partners.links.tp, match.partners.links.fp, match.partners.n_equal) == (1, 1, 1)


pairs_of_one = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), max_size=4, unique=True)


@given(st.lists(st.tuples(pairs_of_one, pairs_of_one), min_size=1, max_size=6), st.booleans())
def test_partners_are_those_of_a_slow_program(cases, directed):
    if not directed:
        cases = [[sorted({(min(p), max(p)) for p in side}) for side in case] for case in cases]
    given, found = zip(*cases, strict=True)
    match = joined(given, found, directed)
    sets = [tuple({p for p in side if p[0] != p[1]} for side in case) for case in cases]
    compared = [(t, p) for t, p in sets if t or p]
    partners = match.partners
    assert partners.n_compared == len(compared)
    assert partners.n_equal == sum(t == p for t, p in compared)
    assert partners.n_superset == sum(bool(t) and t < p for t, p in compared)
    assert partners.n_subset == sum(bool(p) and p < t for t, p in compared)
    assert partners.n_disjoint == sum(not t & p for t, p in compared)
    assert partners.n_compared == (
        partners.n_equal + partners.n_superset + partners.n_subset + partners.n_partial + partners.n_disjoint
    )
    if directed:
        assert partners.n_same_source == sum({a for a, _ in t} == {a for a, _ in p} for t, p in compared)
        assert partners.n_same_target == sum({b for _, b in t} == {b for _, b in p} for t, p in compared)
        assert partners.n_flipped == sum(t != p == {(b, a) for a, b in t} for t, p in compared)
    loose = [[{(min(x), max(x)) for x in side} for side in case] for case in compared]
    assert partners.n_same_undirected == sum(t == p for t, p in loose)
    jaccard = [len(t & p) / len(t | p) for t, p in compared]
    assert partners.mean_jaccard == pytest.approx(np.mean(jaccard) if jaccard else math.nan, nan_ok=True)
    assert partners.n_autapses_truth == sum(a == b for side in given for a, b in side)
    assert partners.links.tp == sum(len(t & p) for t, p in sets)
    assert partners.links.fn == sum(len(t - p) for t, p in sets)
    assert partners.links.fp == sum(len(p - t) for t, p in sets)


@given(arrays(), st.data())
@settings(max_examples=15)
def test_links_of_unmatched_synapses_are_errors(sides, data):
    synapses = list(map(place, sides))
    found = [{int(i): data.draw(pairs_of_one) for i in side.ids} for side in synapses]
    links = [links_of(side, directed=True) for side in found]
    match = match_synapses(*synapses, links_truth=links[0], links_predicted=links[1])
    real = [{i: {p for p in pairs if p[0] != p[1]} for i, pairs in side.items()} for side in found]
    totals = [sum(map(len, side.values())) for side in real]
    score = match.partners.links
    assert (score.n_truth, score.n_predicted) == tuple(totals)
    tp = match.table[match.table["outcome"] == "tp"]
    shared = [
        len(real[0][t] & real[1][p]) for t, p in zip(tp["synapse_id_truth"], tp["synapse_id_predicted"], strict=True)
    ]
    assert score.tp == sum(shared)
    assert tp["n_pairs_shared"].tolist() == shared


# -------------------------------------------------------------------------------------------------------------- sizes
def test_sizes_counted_by_hand():
    # 1 voxel of 2, 4 of 2, 2 of 2, and one missed
    truth = row(1, 1, 0, 2, 2, 0, 0, 3, 3, 0, 4)
    found = row(1, 0, 0, 2, 2, 2, 2, 3, 3, 0, 0)
    sizes = match_synapses(truth, found).sizes
    assert (sizes.n_matched, sizes.bias, sizes.spread) == (3, 0, 1)
    assert math.isnan(sizes.spearman)
    assert [(part.lower, part.upper, part.n_truth, part.n_found) for part in sizes.bins] == [(1, 1, 1, 0), (2, 2, 3, 3)]
    assert sizes.to_dict()["bins"][0]["recall"] == 0


def test_recall_by_size_has_ten_bins_where_sizes_allow():
    labels = np.zeros((1, 40, 20), int)
    for k in range(20):
        labels[0, 2 * k, : k + 1] = k + 1
    found = np.where(labels > 10, labels, 0)
    bins = match_synapses(place(labels), place(found)).sizes.bins
    assert [(part.lower, part.upper) for part in bins] == [(2 * k + 1, 2 * k + 2) for k in range(10)]
    assert [part.recall for part in bins] == [0.0] * 5 + [1.0] * 5


# ----------------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": (1, 1, 5)}, "shape"),
        ({"voxel_size": (4.0, 4.0, 40.0)}, "voxel size"),
        ({"offset": (0.0, 0.0, 0.0)}, "offset"),
    ],
)
def test_other_grids_are_refused(change, words):
    synapses = row(1, 1, 0, 2)
    for match in (match_synapses, overlap_synapses):
        with pytest.raises(InputError, match=words):
            match(synapses, replace(synapses, **change))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rule": "best"}, "rule is 'best'; expected one of iou, max_cardinality"),
        ({"min_iou": 1.5}, "min_iou is 1.5"),
        ({"min_iou": math.nan}, "min_iou is nan"),
        ({"dilation_nm": 4.0}, "dilation_nm is 4.0, which rule 'iou' does not use"),
        ({"dilation_nm": -4.0, "rule": "centroid"}, "dilation_nm is -4.0; expected a number, 0 or more"),
        ({"links_truth": links_of({})}, "links_predicted is missing"),
        ({"links_predicted": links_of({})}, "links_truth is missing"),
        (
            {"links_truth": links_of({7: [(1, 2)]}), "links_predicted": links_of({})},
            "truth: 1 synapse ids .* first is 7",
        ),
        ({"links_truth": links_of({}), "links_predicted": links_of({8: [(1, 2)]})}, "prediction: .* first is 8"),
        (
            {"links_truth": links_of({1: [(1, 2)]}), "links_predicted": links_of({1: [(1, 2)]}, directed=True)},
            "directed and some are not",
        ),
    ],
)
def test_calls_that_make_no_sense_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        match_synapses(row(1), row(1), **options)


def test_a_table_of_another_kind_is_refused():
    with pytest.raises(SchemaError, match="lacks the column 'synapse_id'"):
        match_synapses(row(1), row(1), links_truth=empty_table("edges"), links_predicted=empty_table("links"))


# -------------------------------------------------------------------------------------------------------------- scale
def test_many_synapses_have_small_numbers_of_matches():
    """Ten thousand synapses of a hundred runs: what a whole CREMI volume holds at most."""
    depth, height, width = 100, 100, 1000
    labels = np.zeros((depth, height, width), np.int64)
    grid = labels.reshape(10, 10, 10, 10, 100, 10)
    grid[:, 1:9, :, 1:9, :, 1:7] = (1 + np.arange(10 * 10 * 100)).reshape(10, 1, 10, 1, 100, 1)
    shifted = np.roll(labels, 2, axis=2)
    match = match_synapses(place(labels), place(shifted))
    assert match.score.tp == 10_000
    assert match.mean_iou == pytest.approx(4 / 8)
    assert list(product([1], [10_000])) == list(match.predicted_per_truth.items())


# ---------------------------------------------------------------------------------------------------- rule "centroid"
def centred_pairs(truth, predicted, radius):
    """Pairs of ids: a voxel of the true synapse within the radius of the voxel that holds the predicted one's mean."""
    found = set()
    for p in np.unique(predicted[predicted > 0]).tolist():
        at = np.argwhere(predicted == p)
        centre = [(2 * int(total) + len(at)) // (2 * len(at)) for total in at.sum(axis=0)]
        for voxel in np.argwhere(truth > 0):
            if sum(((v - c) * size) ** 2 for v, c, size in zip(voxel, centre, VOXEL_SIZE, strict=True)) <= radius**2:
                found.add((int(truth[tuple(voxel)]), p))
    return found


@given(arrays(), st.sampled_from([0.0, 4.0, 9.0, 40.0, 100.0]))
def test_centroid_matches_are_the_most_that_can_be(sides, radius):
    truth, predicted = map(voxels_of, sides)
    pairs = sorted(centred_pairs(*sides, radius))
    iou = {(t, p): Fraction(len(truth[t] & predicted[p]), len(truth[t] | predicted[p])) for t, p in pairs}
    found = match_synapses(*map(place, sides), rule="centroid", dilation_nm=radius)
    best = max((len(chosen), sum((iou[pair] for pair in chosen), Fraction())) for chosen in all_matchings(pairs))
    tp = found.table[found.table["outcome"] == "tp"]
    chosen = list(zip(tp["synapse_id_truth"].tolist(), tp["synapse_id_predicted"].tolist(), strict=True))
    assert {*chosen} <= {*pairs}
    assert len(chosen) == found.score.tp == best[0]
    assert tp["iou"].tolist() == [float(iou[pair]) for pair in chosen]
    assert float(sum((iou[pair] for pair in chosen), Fraction())) == pytest.approx(float(best[1]), abs=1e-9)
    assert (found.score.fp, found.score.fn) == (len(predicted) - best[0], len(truth) - best[0])
    plain = match_synapses(*map(place, sides))
    assert (found.predicted_per_truth, found.truth_per_predicted) == (
        plain.predicted_per_truth,
        plain.truth_per_predicted,
    )
    assert found.voxels == plain.voxels
    shared, taken = overlaps_of(truth, predicted), {t for t, _ in chosen}
    used = {p for _, p in chosen}
    assert found.n_absorbed == len({t for t, p in shared if t not in taken and p in used})
    assert found.n_duplicates == len({p for t, p in shared if p not in used and t in taken})


def test_a_centre_beside_the_truth_counted_by_hand():
    #           0  1  2  3  4  5  6  7  8  9 10 11
    truth = row(3, 3, 3, 0, 0, 0, 4, 4, 4, 0, 0, 0)
    found = row(0, 0, 7, 7, 7, 0, 0, 0, 0, 9, 9, 9)
    # centres at 3 and 10: one voxel (4 nm) from the end of 3, two (8 nm) from that of 4, which 9 does not touch
    counts = {
        radius: match_synapses(truth, found, rule="centroid", dilation_nm=radius).score.tp for radius in (0, 3.9, 4, 8)
    }
    assert counts == {0: 0, 3.9: 0, 4: 1, 8: 2}
    match = match_synapses(truth, found, rule="centroid", dilation_nm=8)
    assert match.table["n_voxels_shared"].tolist() == [1, 0]
    assert match.table["iou"].tolist() == [0.2, 0.0]
    assert (match.score.f1, match.mean_iou, match.n_missed, match.n_invented) == (1, 0.1, 0, 0)
    assert match.to_dict()["dilation_nm"] == 8.0
    assert match_synapses(truth, found, rule="centroid", dilation_nm=8, min_iou=0.1).score.tp == 1
    touching = match_synapses(truth, found)
    assert (touching.score.tp, touching.score.fn, touching.dilation_nm) == (1, 1, 0)


@given(arrays(), st.permutations([1, 2, 7, 2**63, 2**64 - 4]))
def test_contracts_of_centroids(sides, names):
    truth, found = map(place, sides)
    far = {"rule": "centroid", "dilation_nm": 200.0}  # wider than all volumes here
    assert match_synapses(truth, truth, **far).table["iou"].tolist() == [1.0] * len(truth)
    scores = [match_synapses(*pair, **far).score for pair in ((truth, found), (found, truth))]
    assert scores[0].tp == scores[1].tp == min(len(truth), len(found))
    renamed = np.array([0, *names], "uint64")
    turned = [place(renamed[np.searchsorted(np.unique(IDS), side)]) for side in sides]
    for radius in (0.0, 8.0):
        near = {"rule": "centroid", "dilation_nm": radius}
        assert match_synapses(truth, found, **near).to_dict() == match_synapses(*turned, **near).to_dict()


def test_centroids_of_nothing():
    nothing, one = row(0, 0, 0), row(5, 5, 5)
    for truth, found in ((nothing, nothing), (nothing, one), (one, nothing), (place(np.zeros((0, 3, 4))),) * 2):
        match = match_synapses(truth, found, rule="centroid", dilation_nm=40.0)
        assert (match.score.tp, match.score.fp, match.score.fn) == (0, len(found), len(truth))
