"""What to fix first: promised F1 recomputed from links and from volumes, and the choice against trying everything."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from linked import find_outcomes, linked, make_links, make_matches

import connectograph as cg
from connectograph.attribution import FIX_KINDS, apply_fixes, rank_fixes
from connectograph.tables import validate_table


def score(truth, predicted, directed):
    counts = find_outcomes(truth, predicted, directed=directed)["outcome"].value_counts()
    return cg.score_counts(*(counts.get(name, 0) for name in ("tp", "fp", "fn")))


def test_by_hand():
    truth = make_links([(1, 4, 5), (2, 4, 6), (3, 5, 6), (3, 4, 5)])
    predicted = make_links([(9, 4, 5), (8, 5, 7), (7, 6, 7)])
    matches = make_matches([(1, 9), (2, 8), (3, 0), (0, 7)])
    fixes = rank_fixes(truth, predicted, matches)
    assert fixes["kind"].tolist() == ["swap_partners", "add_synapse", "delete_synapse"]
    assert fixes[["tp", "fp", "fn"]].to_numpy().tolist() == [[2, 1, 1], [3, 1, 0], [3, 0, 0]]
    assert fixes["f1"].tolist() == [4 / 6, 6 / 7, 1.0]
    assert fixes["gain"].tolist() == pytest.approx([4 / 6 - 2 / 6, 6 / 7 - 4 / 6, 1 / 7])
    assert fixes[["source", "target"]].to_numpy().tolist() == [[4, 6], [5, 6], [6, 7]]


def test_edges_that_need_several_fixes_are_finished():
    """Two invented synapses on one pair, three on another: the pair of two first, then the three."""
    predicted = make_links([(k, 4, 5) for k in (1, 2, 3)] + [(k, 4, 6) for k in (4, 5)])
    truth = make_links([(9, 5, 6)])
    fixes = rank_fixes(truth, predicted, make_matches([(9, 0), *((0, k) for k in range(1, 6))]))
    assert fixes["fp"].tolist() == [2, 2, 1, 1, 1, 0]
    assert fixes["kind"].tolist() == ["add_synapse", *["delete_synapse"] * 5]


@given(linked())
def test_every_step_is_as_promised(case):
    truth, predicted, matches = case.sides
    fixes = validate_table("fixes", rank_fixes(truth, predicted, matches))
    before = score(truth, predicted, case.directed).f1
    for step in range(1, len(fixes) + 1):
        after = score(truth, apply_fixes(truth, predicted, matches, fixes.head(step)), case.directed)
        row = fixes.iloc[step - 1]
        assert (after.tp, after.fp, after.fn) == (row["tp"], row["fp"], row["fn"])
        assert after.f1 == row["f1"] or (math.isnan(after.f1) and math.isnan(row["f1"]))
        assert row["gain"] == after.f1 - before or math.isnan(row["gain"])
        before = after.f1
    assert set(fixes["kind"]) <= set(FIX_KINDS)
    assert fixes["step"].tolist() == list(range(1, len(fixes) + 1))
    if len(fixes):
        assert fixes[["fp", "fn"]].iloc[-1].sum() == 0


@given(linked())
def test_no_other_fix_would_have_gained_more(case):
    truth, predicted, matches = case.sides
    fixes = rank_fixes(truth, predicted, matches)
    changed = list(zip(matches["synapse_id_truth"], matches["synapse_id_predicted"], strict=True))
    for step in range(len(fixes)):
        done = set(zip(fixes["synapse_id_truth"][:step], fixes["synapse_id_predicted"][:step], strict=True))
        others = []
        for own, other in changed:
            if (own, other) not in done:
                single = fixes.head(1).assign(
                    synapse_id_truth=np.array([own], "uint64"), synapse_id_predicted=np.array([other], "uint64")
                )
                both = pd.concat([fixes.head(step), single], ignore_index=True)
                others.append(score(truth, apply_fixes(truth, predicted, matches, both), case.directed).f1)
        f1 = fixes["f1"][step]
        assert math.isnan(f1) or f1 == max(value for value in others if not math.isnan(value))


@given(linked())
def test_fewer_fixes_are_the_first_of_all(case):
    fixes = rank_fixes(*case.sides)
    assert rank_fixes(*case.sides, most=2).equals(fixes.head(2))


def test_a_perfect_prediction_and_an_empty_one_need_none():
    links, matches = make_links([(1, 4, 5)]), make_matches([(1, 1)])
    assert len(rank_fixes(links, links, matches)) == 0
    assert len(rank_fixes(make_links([]), make_links([]), make_matches([]))) == 0


def edit(predicted, truth, fix, free):
    """The predicted labels after one fix."""
    edited = np.where(predicted == fix.synapse_id_predicted, 0, predicted) if fix.synapse_id_predicted else predicted
    here = (truth == fix.synapse_id_truth) & (fix.synapse_id_truth > 0)
    return np.where(here, np.uint64(fix.synapse_id_predicted or free), edited)


def link(segmentation, labels):
    """Links of synapse labels, from the volumes."""
    volume = cg.Volume(labels, segmentation.voxel_size, segmentation.offset)
    synapses = cg.label_synapses(volume, form="labels")
    return synapses, cg.assign_partners(cg.find_synapse_contacts(segmentation, synapses))


def test_volumes_mended_step_by_step_give_the_promised_f1():
    phantom = cg.synthetic.make_phantom("small", rng=3)
    truth, predicted = (np.asarray(v.labels[:, :, :]) for v in (phantom.truth, phantom.predicted))
    labels, links = link(phantom.segmentation, truth)
    others, predicted_links = link(phantom.segmentation, predicted)
    fixes = rank_fixes(links, predicted_links, cg.match_synapses(labels, others).table)
    assert len(fixes) >= 20
    assert set(fixes["kind"][:20]) >= {"add_synapse", "swap_partners"}
    free = np.setdiff1d(np.arange(1, 10_000), np.unique(predicted)).tolist()
    for fix in fixes.head(20).itertuples():
        predicted = edit(predicted, truth, fix, free.pop())
        again = score(links, link(phantom.segmentation, predicted)[1], False)
        assert (again.tp, again.fp, again.fn, again.f1) == (fix.tp, fix.fp, fix.fn, fix.f1), f"after fix {fix.step}"
