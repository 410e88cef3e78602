"""Line graphs against networkx, which builds them."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from linked import linked, make_links, make_matches

from connectograph.attribution import compare_line_graphs


def slow_line_graph(links, names):
    """Pairs of links that share a neuron, of named links."""
    graph = nx.MultiGraph()
    for row, name in names.items():
        graph.add_edge(int(links["source"][row]), int(links["target"][row]), key=name)
    return {frozenset({a[2], b[2]}) for a, b in nx.line_graph(graph).edges() if a[2] != b[2]}


def name_links(links, matches, side):
    """A name for each link: (case, pair) first, the rest of a case by its order of size and place."""
    case = {int(i): k for k, i in enumerate(matches[f"synapse_id_{side}"]) if i}
    order = links.sort_values(["n_voxels", "z_nm", "y_nm", "x_nm"], ascending=[False, True, True, True]).index
    apart = [row for row in order if links["source"][row] != links["target"][row]]
    return {row: (case[int(links["synapse_id"][row])], links["source"][row], links["target"][row]) for row in apart}


def slow_comparison(truth, predicted, matches):
    own, other = name_links(truth, matches, "truth"), name_links(predicted, matches, "predicted")
    common = set(own.values()) & set(other.values())
    named = []
    for names in (own, other):
        seen: dict[int, int] = {}
        for row, name in names.items():
            if name not in common:
                seen[name[0]] = seen.get(name[0], 0) + 1
                names[row] = ("rest", name[0], seen[name[0]])
        named.append(names)
    pairs = [slow_line_graph(links, names) for links, names in zip((truth, predicted), named, strict=True)]
    return len(pairs[0] & pairs[1]), len(pairs[1] - pairs[0]), len(pairs[0] - pairs[1])


@given(linked())
def test_against_networkx(case):
    score = compare_line_graphs(*case.sides)
    assert (score.tp, score.fp, score.fn) == slow_comparison(*case.sides)


@given(linked())
def test_a_connectome_agrees_with_itself(case):
    truth = case.tables["truth"]
    ids = [int(i) for i in case.matches["synapse_id_truth"] if i]
    score = compare_line_graphs(truth, truth, make_matches([(i, i) for i in ids]))
    assert (score.fp, score.fn) == (0, 0)
    assert score.n_links_matched == score.n_links_truth


@given(linked())
def test_names_of_segments_have_no_say(case):
    truth, predicted, matches = case.sides
    renamed = predicted.assign(source=predicted["source"] ^ 2**40, target=predicted["target"] ^ 2**40)
    plain = compare_line_graphs(make_singles(truth), make_singles(predicted), matches)
    assert compare_line_graphs(make_singles(truth), make_singles(renamed), matches) == plain


def make_singles(links):
    """The first link of each synapse: then no pair is needed to know which links are the same."""
    return links.drop_duplicates("synapse_id").reset_index(drop=True)


def test_by_hand():
    """A path of 4 links has 3 joined pairs; with one partner wrong 2 of them are left and 1 is new."""
    truth = make_links([(1, 10, 20), (2, 20, 30), (3, 30, 40), (4, 40, 50)])
    predicted = make_links([(1, 10, 20), (2, 20, 30), (3, 30, 40), (4, 20, 50)])
    score = compare_line_graphs(truth, predicted, make_matches([(k, k) for k in (1, 2, 3, 4)]))
    assert (score.tp, score.fp, score.fn) == (2, 2, 1)
    assert score.to_dict()["recall"] == 2 / 3


def test_without_neighbours_there_is_no_score():
    links = make_links([(1, 4, 5)])
    found = compare_line_graphs(links, links, make_matches([(1, 1)])).to_dict()
    assert found["f1"] is None
    assert found["f1_reason"] == "no two links share a neuron"
