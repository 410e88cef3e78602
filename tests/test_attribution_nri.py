"""Fixes ranked by NRI: the promised score at every step, from edited volumes, and the choice against trying all."""

from __future__ import annotations

import pytest
from test_attribution_segments import make_scene, mend_synapses, spoil_synapses

import connectograph as cg
from connectograph.attribution import SegmentPieces, mend_segments, rank_fixes
from connectograph.attribution.terminal_fixes import TerminalFixes
from connectograph.errors import InputError
from connectograph.evaluation.attribution import leave_out_causes
from connectograph.evaluation.measures import Measures, leave_out_measures
from connectograph.matching import score_terminals


@pytest.fixture
def ranked(monkeypatch):
    """What the fixes of each evaluation were ranked from."""
    seen = []

    def rank(*tables, pieces, most):
        seen.append((tables, pieces))
        return rank_fixes(*tables, pieces=pieces, most=most)

    monkeypatch.setattr("connectograph.evaluation.attribution.rank_fixes", rank)
    return seen


def rank_by_nri(ranked, truth, clefts, predicted, synapses, **options):
    cg.evaluate(truth, truth=clefts, predicted=synapses, predicted_segmentation=predicted, **options)
    tables, pieces = ranked[-1]
    return rank_fixes(*tables, pieces=pieces, by="nri")


def check_steps(fixes, steps, truth, clefts, predicted, synapses, **options):
    """Fixes made in the volumes, and these evaluated again; only the terminals are compared."""
    with pytest.MonkeyPatch.context() as patch:
        job = "connectograph.evaluation.job"
        patch.setattr(f"{job}.explain_errors", lambda *_, **__: Measures(leave_out_causes(""), {}))
        patch.setattr(f"{job}.measure_connectomes", lambda *_, **__: leave_out_measures(""))
        for step in steps:
            done = fixes.head(step)
            own, labels = mend_segments(truth, predicted, done), mend_synapses(clefts, synapses, done)
            again = cg.evaluate(truth, truth=clefts, predicted=labels, predicted_segmentation=own, **options)
            found, row = score_terminals(again.tables["segment_terminals"]), done.iloc[-1]
            counts = found.pairs.tp, found.pairs.fp, found.pairs.fn
            assert counts == tuple(row[["tp", "fp", "fn"]]), f"step {step}"
            assert found.nri == row["f1"]


@pytest.fixture(scope="module")
def scene():
    truth, clefts, wrong, _ = make_scene(splits=18, merges=8, seed=3)
    return truth, clefts, wrong, spoil_synapses(truth, clefts)


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({}, range(1, 25)),
        ({"partner_rule": "top-pair", "min_contact_voxels": 9, "min_segment_voxels": 500}, [1, 6, 12, 20]),
    ],
    ids=str,
)
def test_planted_mistakes_mended_step_by_step(ranked, scene, options, steps):
    fixes = rank_by_nri(ranked, *scene, **options)
    check_steps(fixes, steps, *scene, **options)
    assert {"merge", "split", "add_synapse", "delete_synapse"} <= set(fixes["kind"])
    assert fixes["f1"].is_monotonic_increasing
    assert fixes["f1"].iloc[-1] == 1


def test_what_is_weighed_again_is_all_that_changed(ranked, scene, monkeypatch):
    """The same fixes in the same order as if all were weighed again after each."""
    fixes = rank_by_nri(ranked, *scene)
    once = TerminalFixes.apply
    monkeypatch.setattr(
        TerminalFixes,
        "apply",
        lambda self, fix, changes: {*self.list_all(), *once(self, fix, changes), *self.list_all()},
    )
    tables, pieces = ranked[-1]
    assert rank_fixes(*tables, pieces=pieces, by="nri").equals(fixes)


def test_long_neurons_come_first(ranked):
    """A split of a neuron with many synapses costs most pairs of terminals, whatever it costs in edges."""
    truth, clefts, wrong, _ = make_scene(splits=12, merges=0)
    fixes = rank_by_nri(ranked, truth, clefts, wrong, clefts)
    assert set(fixes["kind"]) == {"merge"}
    assert (fixes["source"] == fixes["target"]).all()
    assert (fixes["gain"] > 0).all()


def test_it_takes_pieces_and_a_whole_truth(ranked, scene):
    rank_by_nri(ranked, *scene)
    tables, pieces = ranked[-1]
    with pytest.raises(InputError, match="two segmentations"):
        rank_fixes(*tables, by="nri")
    sparse = SegmentPieces(**{**vars(pieces), "known": pieces.kept})
    with pytest.raises(InputError, match="sparse truth"):
        rank_fixes(*tables, pieces=sparse, by="nri")
