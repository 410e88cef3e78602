"""Why each wrong connection is wrong: every cause by hand, and what must hold of any tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from linked import NEURONS, find_outcomes, linked, make_links, make_matches

from connectograph.attribution import (
    CAUSES,
    DETAILS,
    OwnSegmentation,
    attribute_edges,
    attribute_links,
    count_causes,
)
from connectograph.errors import InputError
from connectograph.tables import SCHEMAS, validate_table


def explain(truth, predicted, pairs, *, directed=False, overlaps=None):
    """Rows (source, target, outcome, cause, detail) of links, and (source, target, outcome, cause) of edges."""
    sides = make_links(truth, directed=directed), make_links(predicted, directed=directed)
    links = attribute_links(*sides, make_matches(pairs, overlaps))
    edges = attribute_edges(find_outcomes(*sides, directed=directed), links)
    shown = ["source", "target", "outcome", "cause"]
    return (
        [tuple(row) for row in links[[*shown, "detail"]].to_numpy()],
        [tuple(row) for row in edges[shown].to_numpy()],
    )


def test_found():
    links, edges = explain([(1, 4, 5)], [(9, 4, 5)], [(1, 9)])
    assert links == [(4, 5, "tp", "", "")]
    assert edges == [(4, 5, "tp", "")]


def test_missed():
    links, edges = explain([(1, 4, 5), (2, 5, 6)], [], [(1, 0), (2, 0)], overlaps={2: 1})
    assert links == [(4, 5, "fn", "missed", "alone"), (5, 6, "fn", "missed", "beside")]
    assert edges == [(4, 5, "fn", "missed"), (5, 6, "fn", "missed")]


def test_spurious():
    links, edges = explain([], [(9, 4, 5), (8, 5, 6)], [(0, 8), (0, 9)], overlaps={-8: 1})
    assert links == [(5, 6, "fp", "spurious", "beside"), (4, 5, "fp", "spurious", "alone")]
    assert edges == [(4, 5, "fp", "spurious"), (5, 6, "fp", "spurious")]


def test_wrong_partner():
    links, edges = explain([(1, 4, 5)], [(9, 4, 6)], [(1, 9)])
    assert links == [(4, 5, "fn", "wrong_partner", "other_pair"), (4, 6, "fp", "wrong_partner", "other_pair")]
    assert edges == [(4, 5, "fn", "wrong_partner"), (4, 6, "fp", "wrong_partner")]


def test_a_match_that_joins_nothing():
    links, _ = explain([(1, 4, 5)], [(8, 6, 7)], [(1, 9), (2, 8)])
    assert links == [(4, 5, "fn", "wrong_partner", "unattached"), (6, 7, "fp", "wrong_partner", "unattached")]


def test_polarity():
    links, edges = explain([(1, 4, 5), (2, 6, 7)], [(9, 5, 4), (8, 6, 7)], [(1, 9), (2, 8)], directed=True)
    assert links == [(4, 5, "fn", "polarity", ""), (5, 4, "fp", "polarity", ""), (6, 7, "tp", "", "")]
    assert edges == [(4, 5, "fn", "polarity"), (5, 4, "fp", "polarity"), (6, 7, "tp", "")]
    flipped, _ = explain([(1, 4, 5)], [(9, 5, 4)], [(1, 9)])
    assert flipped == [(4, 5, "tp", "", "")], "undirected links have no polarity"


def test_mixed():
    _, edges = explain([(1, 4, 5), (2, 4, 5)], [(9, 4, 6)], [(1, 0), (2, 9)])
    assert edges == [(4, 5, "fn", "mixed"), (4, 6, "fp", "wrong_partner")]
    _, edges = explain([(1, 4, 5), (2, 4, 5), (3, 4, 5)], [(9, 4, 6)], [(1, 0), (2, 9), (3, 0)])
    assert edges[0] == (4, 5, "fn", "missed"), "most links decide"


def test_a_wrong_link_of_a_right_edge_makes_no_edge_wrong():
    links, edges = explain([(1, 4, 5), (2, 4, 5)], [(9, 4, 5)], [(1, 9), (2, 0)])
    assert [row[3] for row in links] == ["", "missed"]
    assert edges == [(4, 5, "tp", "")]


def own(in_truth, neurons):
    """A segmentation of the prediction: scored id -> the neuron it mostly lies in."""
    segments, mostly = (np.array(part, "uint64") for part in (list(neurons), list(neurons.values())))
    return OwnSegmentation(make_links(in_truth), segments, mostly)


def explain_own(truth, predicted, pairs, in_truth, neurons):
    sides = make_links(truth), make_links(predicted)
    links = attribute_links(*sides, make_matches(pairs), segmentation=own(in_truth, neurons))
    return {(row.outcome, row.source, row.target): row.cause for row in links.itertuples() if row.cause}


def test_split():
    """Neuron 4 is in two pieces: 4 stands for it, 40 is the piece at the synapse."""
    found = explain_own([(1, 4, 5)], [(9, 40, 5)], [(1, 9)], [(9, 4, 5)], {4: 4, 40: 4, 5: 5})
    assert found == {("fn", 4, 5): "split", ("fp", 5, 40): "split"}


def test_merge():
    """Neuron 4 is a part of the segment that stands for 6."""
    found = explain_own([(1, 4, 5)], [(9, 5, 6)], [(1, 9)], [(9, 4, 5)], {6: 6, 5: 5})
    assert found == {("fn", 4, 5): "merge", ("fp", 5, 6): "merge"}


def test_merge_of_both_partners():
    """Both neurons are one segment: the prediction sees an autapse, which is no edge."""
    found = explain_own([(1, 4, 5)], [(9, 6, 6)], [(1, 9)], [(9, 4, 5)], {6: 6})
    assert found == {("fn", 4, 5): "merge"}


def test_merge_comes_before_split():
    found = explain_own([(1, 4, 5)], [(9, 6, 50)], [(1, 9)], [(9, 4, 5)], {6: 6, 5: 5, 50: 5})
    assert found == {("fn", 4, 5): "merge", ("fp", 6, 50): "merge"}


def test_a_pair_that_the_segmentation_parts_has_no_wrong_partner():
    """4 and 5 both take part, but where they meet in truth 6 stands for one of them."""
    joined = [(9, 4, 5), (9, 4, 6), (9, 5, 6)]
    found = explain_own([(1, *pair[1:]) for pair in joined], joined[1:], [(1, 9)], joined, {4: 4, 5: 5, 6: 6})
    assert found == {("fn", 4, 5): "merge"}


def test_synapses_are_judged_in_the_true_segmentation():
    """A wrong partner stays one, whatever the segments are called."""
    found = explain_own([(1, 4, 5)], [(9, 40, 7)], [(1, 9)], [(9, 4, 7)], {40: 4, 7: 7})
    assert found == {("fn", 4, 5): "wrong_partner", ("fp", 7, 40): "split"}
    found = explain_own([(1, 4, 5)], [(9, 5, 6), (8, 4, 5)], [(1, 9), (0, 8)], [(9, 4, 5), (8, 4, 6)], {4: 4, 6: 6})
    assert found[("fp", 4, 5)] == "spurious"


@given(linked())
def test_causes_add_up(case):
    truth, predicted, matches = case.sides
    links = validate_table("link_outcomes", attribute_links(truth, predicted, matches))
    outcomes = find_outcomes(truth, predicted, directed=case.directed)
    edges = attribute_edges(outcomes, links)
    wrong = edges["outcome"] != "tp"
    assert set(edges.loc[wrong, "cause"]) <= set(CAUSES)
    assert (edges.loc[~wrong, "cause"] == "").all()
    assert edges.drop(columns="cause").equals(outcomes.drop(columns="cause"))
    assert list(links) == list(SCHEMAS["link_outcomes"])
    assert sum(row["n"] for row in count_causes(links)) == (links["outcome"] != "tp").sum()
    assert ((links["cause"] == "") == (links["outcome"] == "tp")).all()
    assert set(links["detail"]) <= {"", *DETAILS}
    apart = [side[side["source"] != side["target"]] for side in (truth, predicted)]
    counted = links["outcome"].value_counts()
    assert counted.get("tp", 0) + counted.get("fn", 0) == len(apart[0])
    assert counted.get("tp", 0) + counted.get("fp", 0) == len(apart[1])


@given(linked(segmentations=2), st.data())
def test_causes_add_up_in_two_segmentations(case, data):
    truth, predicted, matches = case.sides
    neurons = data.draw(st.lists(st.sampled_from([0, *NEURONS]), min_size=len(NEURONS), max_size=len(NEURONS)))
    known = OwnSegmentation(case.tables["predicted_in_truth"], np.array(NEURONS, "uint64"), np.array(neurons, "uint64"))
    links = attribute_links(truth, predicted, matches, segmentation=known)
    edges = attribute_edges(find_outcomes(truth, predicted, directed=case.directed), links)
    wrong = edges["outcome"] != "tp"
    assert set(edges.loc[wrong, "cause"]) <= set(CAUSES)
    assert (edges["cause"] != "").sum() == wrong.sum()


@given(linked())
def test_an_equal_segmentation_changes_nothing(case):
    truth, predicted, matches = case.sides
    ids = np.array(NEURONS, "uint64")
    known = OwnSegmentation(predicted, ids, ids)
    plain = attribute_links(truth, predicted, matches)
    pd.testing.assert_frame_equal(plain, attribute_links(truth, predicted, matches, segmentation=known))


@given(linked())
def test_the_truth_has_no_wrong_link(case):
    truth = case.tables["truth"]
    ids = case.matches["synapse_id_truth"].to_numpy()
    links = attribute_links(truth, truth, make_matches([(int(i), int(i)) for i in ids if i]))
    assert (links["outcome"] == "tp").all()


@given(linked(), st.permutations(NEURONS))
def test_relabelling_changes_no_cause(case, names):
    truth, predicted, matches = case.sides
    other = dict(zip(NEURONS, names, strict=True))

    def rename(table):
        rows = [(row.synapse_id, other[row.source], other[row.target]) for row in table.itertuples()]
        return make_links(rows, directed=case.directed)

    plain, renamed = (
        attribute_links(*sides, matches) for sides in ((truth, predicted), map(rename, (truth, predicted)))
    )
    assert count_causes(plain) == count_causes(renamed)


def test_tables_that_do_not_belong_together_are_refused():
    links = make_links([(1, 4, 5)])
    with pytest.raises(InputError, match="synapse 1 is not in the matches"):
        attribute_links(links, make_links([]), make_matches([(2, 0)]))
    with pytest.raises(InputError, match="like with like"):
        attribute_links(links, make_links([(1, 4, 5)], directed=True), make_matches([(1, 1)]))
    nothing = attribute_links(make_links([]), make_links([]), make_matches([]))
    with pytest.raises(InputError, match="no wrong link"):
        attribute_edges(find_outcomes(links, make_links([])), nothing)
