"""Notebooks: every result is shown as a short, escaped table; every plot gives its Axes."""

from __future__ import annotations

import inspect
from html.parser import HTMLParser

import networkx as nx
import numpy as np
import pytest

import connectograph as cg
from connectograph import plots
from connectograph._notebook import Shown, show_result

HOSTILE = '"><img src=x onerror=alert(1)><script>'
BIG = 18446744073709551601


class Reader(HTMLParser):
    """Text, and the elements that were opened."""

    def __init__(self, text):
        super().__init__()
        self.text, self.tags, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(shown):
    found = Reader(shown._repr_html_())
    assert not found.open
    assert not {"img", "script", "style", "link"} & set(found.tags)
    text = " ".join(found.text)
    assert "nan" not in text.split()
    assert "None" not in text.split()
    assert len(shown._repr_html_().encode()) < 50_000
    return text


@pytest.fixture(scope="module")
def graphs():
    truth = nx.gnm_random_graph(40, 120, seed=1)
    predicted = nx.gnm_random_graph(40, 110, seed=2)
    return truth, predicted


@pytest.mark.parametrize(
    "compare", [cg.compare_edges, cg.compare_weights, cg.compare_degrees, cg.compare_motifs, cg.compare_baselines]
)
def test_comparisons_are_shown_with_their_numbers(graphs, compare):
    result = compare(*graphs)
    assert isinstance(result, Shown)
    text = read(result)
    assert type(result).__name__ in text
    for value in result.to_dict().values():
        if isinstance(value, int) and not isinstance(value, bool):
            assert f"{value:,}" in text


@pytest.mark.parametrize(
    "compare", [cg.compare_edges, cg.compare_weights, cg.compare_degrees, cg.compare_motifs, cg.compare_baselines]
)
def test_comparisons_of_nothing_are_shown(compare):
    read(compare(nx.Graph(), nx.Graph()))


def test_undefined_scores_are_shown_with_their_reason():
    text = read(cg.score_counts(0, 0, 0))
    assert "not defined (" in text


def test_texts_are_escaped_at_any_depth():
    deep = {HOSTILE: [HOSTILE], "rows": [{HOSTILE: HOSTILE}]}
    content = {HOSTILE: HOSTILE, "deep": deep, "x": None, "x_reason": HOSTILE}
    found = Reader(show_result(HOSTILE, content))
    assert not {"img", "script"} & set(found.tags)
    assert " ".join(found.text).count(HOSTILE) == 8


def test_long_results_are_cut_and_say_so():
    text = show_result("long", {"rows": [{"n": number} for number in range(1000)], "ids": [str(BIG)] * 1000})
    assert len(text) < 50_000
    assert "60 of 1,000 shown" in text
    assert str(BIG) in text
    assert len(show_result("wide", {f"part {n}": {"text": "x" * 500} for n in range(1000)})) < 150_000


def test_a_study_is_shown_as_its_ranking(graphs):
    truth, predicted = graphs
    study = cg.compare_many(truth, [predicted, truth])
    text = read(study)
    assert study.report["verdict"] in text
    assert all(row["name"] in text for row in study.report["ranking"])


def test_an_evaluation_shows_its_errors(graphs):
    evaluation = cg.compare_connectomes(nx.Graph([(BIG, 1)]), nx.Graph([(BIG, 2)]))
    assert "Worst errors" in read(evaluation)
    assert evaluation.errors[["source", "target"]].to_numpy().tolist() == [[1, BIG], [2, BIG]]
    assert str(BIG) in evaluation.show_errors().to_html()


def test_every_plot_takes_and_returns_axes():
    for name in plots.__all__:
        if name.startswith("plot_"):
            signature = inspect.signature(getattr(plots, name))
            assert signature.return_annotation == "Axes", name
            assert signature.parameters["ax"].default is None, name


def test_what_is_drawn_can_be_read_back(graphs):
    from matplotlib.figure import Figure

    evaluation = cg.compare_connectomes(*graphs)
    family = evaluation.report["thresholds"]["family"]
    ax = Figure().add_subplot()
    assert plots.plot_thresholds(family, ax=ax) is ax
    drawn = [line.get_ydata().tolist() for line in ax.lines]
    scores = [[row[name] for row in family if row[name] is not None] for name in ("precision", "recall", "f1")]
    assert all(any(np.isin(score, line).all() for line in drawn) for score in scores)
