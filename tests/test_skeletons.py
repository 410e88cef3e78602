"""Skeletons read from SWC, and the expected run length of a segmentation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectograph as cg
from connectograph.io.skeletons import Skeleton, read_skeletons
from connectograph.matching.skeletons import measure_run_length, score_run_length


def line(*places):
    """A skeleton along x."""
    return Skeleton("", np.array([(0.0, 0.0, x) for x in places]), np.arange(-1, len(places) - 1))


def ids(*segments):
    return np.array(segments, "u8")


def test_counted_by_hand():
    """100 nm, of which 40 in one segment, 10 split, 20 in another, 10 + 20 out of segments; and 50 nm merged away."""
    first = line(0, 40, 50, 70, 80, 100)
    found = score_run_length([first, line(0, 50)], [ids(1, 1, 2, 2, 0, 0), ids(3, 3)])
    assert (found.right_nm, found.split_nm, found.omitted_nm, found.merged_nm) == (40 + 20 + 50, 10, 30, 0)
    assert found.erl_nm == (40**2 + 20**2 + 50**2) / 150
    assert found.best_nm == (100**2 + 50**2) / 150
    merged = score_run_length([first, line(0, 50)], [ids(1, 1, 2, 2, 0, 0), ids(2, 2)])
    assert (merged.merged_nm, merged.erl_nm) == (20 + 50, 40**2 / 150)


def test_no_length_is_undefined_with_a_reason():
    found = score_run_length([line(0)], [ids(5)])
    assert math.isnan(found.erl_nm)
    assert found.to_dict()["erl_nm_reason"] == "the skeletons have no length"
    assert measure_run_length(cg.Volume(np.ones((1, 1, 1), "u1"), (1, 1, 1)), []).n_skeletons == 0


def slow_erl(skeletons, segments):
    """The definition, edge by edge."""
    total = sum(math.dist(s.nodes[k], s.nodes[p]) for s in skeletons for k, p in enumerate(s.parents) if p >= 0)
    expected = 0.0
    for number, skeleton in enumerate(skeletons):
        others = {int(g) for k, each in enumerate(segments) if k != number for g in each}
        runs = {}
        for k, p in enumerate(skeleton.parents):
            g = int(segments[number][k])
            if p >= 0 and g and g == segments[number][p] and g not in others:
                runs[g] = runs.get(g, 0.0) + math.dist(skeleton.nodes[k], skeleton.nodes[p])
        expected += sum(run**2 for run in runs.values()) / total if total else 0.0
    return expected if total else math.nan


@st.composite
def traced(draw):
    skeletons, segments = [], []
    for _ in range(draw(st.integers(0, 4))):
        n = draw(st.integers(1, 6))
        nodes = np.array([[draw(st.integers(0, 9)) for _ in range(3)] for _ in range(n)], float)
        skeletons.append(Skeleton("", nodes, np.array([draw(st.integers(-1, k - 1)) for k in range(n)])))
        segments.append(ids(*(draw(st.sampled_from([0, 1, 2, 2**63 + 1, 2**63 + 3])) for _ in range(n))))
    return skeletons, segments


@given(traced())
def test_as_the_definition_says(case):
    found = score_run_length(*case)
    assert found.erl_nm == pytest.approx(slow_erl(*case), nan_ok=True)
    parts = found.right_nm + found.split_nm + found.merged_nm + found.omitted_nm
    assert parts == pytest.approx(found.total_nm)
    assert math.isnan(found.erl_nm) or 0 <= found.normalised <= 1 + 1e-12


def test_looked_up_in_a_volume(tmp_path):
    labels = np.zeros((2, 3, 4), "u8")
    labels[:, 1] = 2**63 + 1
    volume = cg.Volume(labels, (40.0, 4.0, 4.0), (80.0, 0.0, 0.0))
    (tmp_path / "a.swc").write_text("1 0 0.5 1.5 2.5 1 -1\n2 0 3.5 1.5 2.5 1 1\n3 0 9.5 1.5 2.5 1 2\n")
    found = measure_run_length(volume, read_skeletons(tmp_path, units=(40.0, 4.0, 4.0)))
    assert (found.right_nm, found.omitted_nm) == (12.0, 24.0)
    assert found.erl_nm == 12**2 / 36


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 0 0 0 0 1\n", "line 1: '1 0 0 0 0 1' is no node of SWC; expected id, type"),
        ("1 0 0 0 zero 1 -1\n", "is no node of SWC"),
        ("#\n1 0 0 0 nan 1 -1\n", "line 2: position 0, 0, nan is not finite"),
        ("1 0 0 0 0 1 -1\n1 0 0 0 0 1 -1\n", "line 2: node 1 occurs twice"),
        ("1 0 0 0 0 1 7\n", "parent 7 is no node"),
    ],
)
def test_what_is_no_skeleton_is_said(text, words, tmp_path):
    (tmp_path / "a.swc").write_text(text)
    with pytest.raises(cg.InputError, match=words):
        read_skeletons(tmp_path / "a.swc", units="nm")


def test_places_and_units_that_do_not_fit(tmp_path):
    with pytest.raises(cg.InputError, match=r"holds no \.swc file"):
        read_skeletons(tmp_path, units="um")
    with pytest.raises(cg.InputError, match="expected 'nm', 'um' or a voxel size"):
        read_skeletons(tmp_path, units="inch")
    with pytest.raises(cg.InputError, match="nowhere"):
        read_skeletons(tmp_path / "nowhere.swc", units="nm")
    with pytest.raises(cg.InputError, match="differ in length"):
        score_run_length([line(0, 1)], [ids(1)])
