"""The pages beside the score: their numbers are those of the run, and nothing is clipped, whatever was compared."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from pypdf import PdfReader
from test_report import FORBIDDEN, box_of, list_texts, overlap, parse_html

import connectograph as cg
from connectograph.plots import (
    TRIAD_ARROWS,
    house_style,
    plot_motifs,
    plot_neuron_distribution,
    plot_neurons,
    plot_precision_recall,
    plot_strata,
    plot_thresholds,
    plot_weights,
)
from connectograph.plots.weights import count_weights
from connectograph.report import ReportContents, render_html, render_pdf, write_verdict
from connectograph.report.elements import Bullets, Figure, Paragraph, Table
from connectograph.report.figures import place_panels
from connectograph.report.pages import build_sections
from connectograph.report.strips import Line, make_strips

PAGES = ("thresholds", "baselines", "weights", "degree", "neurons", "motifs")
VOXEL_SIZE = (40.0, 4.0, 4.0)


def random_graph(seed, n=60, p=0.12, directed=True):
    rng = np.random.default_rng(seed)
    graph = nx.gnp_random_graph(n, p, seed=seed, directed=directed)
    nx.set_edge_attributes(graph, {edge: int(rng.geometric(0.2)) for edge in graph.edges}, "n_synapses")
    return nx.relabel_nodes(graph, {node: 2**60 + node for node in graph})


def worse(graph, seed, lost=0.2):
    """A prediction: some edges lost, as many invented, weights changed."""
    rng = np.random.default_rng(seed)
    predicted = graph.copy()
    for edge in list(graph.edges):
        if rng.random() < lost:
            predicted.remove_edge(*edge)
            predicted.add_edge(*rng.choice(np.array(graph.nodes), 2, replace=False).tolist(), n_synapses=1)
        else:
            predicted.edges[edge]["n_synapses"] = int(1 + rng.poisson(graph.edges[edge]["n_synapses"]))
    return predicted


def compare(truth, predicted):
    return contents_of(cg.compare_connectomes(truth, predicted, directed=truth.is_directed()))


def contents_of(ev) -> ReportContents:
    return ReportContents(json.loads(json.dumps(ev.report)), None, dict(ev.tables), None)


def evaluate_volumes():
    phantom = cg.synthetic.make_phantom("small", rng=0)
    heat = (phantom.predicted.labels[...] > 0) * (60 + phantom.predicted.labels[...] % 190)
    heat = cg.Volume(heat.astype("u1"), phantom.segmentation.voxel_size)
    return contents_of(
        cg.evaluate(phantom.segmentation, truth=phantom.truth, predicted=heat, threshold=50, contactome=True)
    )


TRUTH = random_graph(1)
CASES = {
    "directed": lambda: compare(TRUTH, worse(TRUTH, 2)),
    "undirected": lambda: compare(random_graph(3, directed=False), worse(random_graph(3, directed=False), 4)),
    "same": lambda: compare(TRUTH, TRUTH),
    "few": lambda: compare(random_graph(5, n=6, p=0.5), random_graph(6, n=6, p=0.5)),
    "no_truth": lambda: compare(nx.DiGraph(), random_graph(7, n=6, p=0.5)),
    "no_prediction": lambda: compare(random_graph(8, n=6, p=0.5, directed=False), nx.Graph()),
    "nothing": lambda: compare(nx.Graph(), nx.Graph()),
    "volumes": evaluate_volumes,
}
every_case = pytest.mark.parametrize("name", CASES)


@pytest.fixture(scope="module")
def contents():
    known: dict[str, ReportContents] = {}

    def find(name: str) -> ReportContents:
        if name not in known:
            known[name] = CASES[name]()
        return known[name]

    return find


def pages_of(contents: ReportContents):
    return {section.key: section for section in build_sections(contents)}


def tables_in(section) -> dict[str, Table]:
    return {element.title: element for element in section.elements if isinstance(element, Table)}


# --- every case -----------------------------------------------------------------------------------------------------


@every_case
def test_every_page_is_there_and_readable(contents, name):
    assert set(PAGES) <= set(pages_of(contents(name)))
    elements = [element for section in build_sections(contents(name)) for element in section.elements]
    pictures = {element.name: b"" for element in elements if isinstance(element, Figure)}
    text = parse_html(render_html(contents(name), figures=pictures)).text
    assert not [word for word in FORBIDDEN if word in text]


@pytest.mark.parametrize("name", ["directed", "nothing", "volumes"])
def test_pages_of_the_pdf_are_few_and_full(contents, name):
    pages = PdfReader(io.BytesIO(render_pdf(contents(name)))).pages
    texts = [" ".join(page.extract_text().split()) for page in pages]
    assert len(texts) <= 20
    assert min(map(len, texts)) > 150
    assert not [word for word in FORBIDDEN for text in texts if word in text]


@every_case
def test_no_line_of_a_page_leaves_it_or_touches_another(contents, name):
    for section in build_sections(contents(name)):
        for element in section.elements:
            for strip in make_strips(element, 491.0):
                lines = [item for item in strip.items if isinstance(item, Line)]
                boxes = [box_of(line) for line in lines]
                assert all(box[0] >= -0.1 and box[2] <= 491.1 for box in boxes), (section.key, lines)
                assert not any(overlap(*pair) for pair in combinations(boxes, 2)), (section.key, lines)


@every_case
@pytest.mark.parametrize("width", [420.0, 491.0])
def test_no_text_of_a_figure_is_clipped_or_overlaps(contents, name, width):
    from matplotlib import figure
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    sections = [section for section in build_sections(contents(name)) if section.key in PAGES]
    for element in [element for section in sections for element in section.elements if isinstance(element, Figure)]:
        with house_style():
            page = figure.Figure(figsize=(width / 72, element.height * width / 72), dpi=72)
            canvas = FigureCanvasAgg(page)
            element.draw(place_panels(page, element, (0.0, 0.0, width, element.height * width)))
            canvas.draw()
            boxes = {text: text.get_tightbbox(canvas.get_renderer()) for text in list_texts(page)}
        for text, box in boxes.items():
            inside = page.bbox.x0 <= box.x0 and box.x1 <= page.bbox.x1 and page.bbox.y0 <= box.y0
            assert inside, (element.name, text)
            assert box.y1 <= page.bbox.y1, (element.name, text)
        for first, second in combinations(boxes.items(), 2):
            assert not overlap(first[1].extents, second[1].extents), (element.name, first[0], second[0])


def test_the_same_contents_give_the_same_bytes(contents):
    assert render_pdf(contents("few")) == render_pdf(CASES["few"]())


def test_runs_of_before_have_no_such_pages(contents):
    old = contents("directed")
    report = {key: value for key, value in old.report.items() if key not in PAGES}
    keys = {section.key for section in build_sections(ReportContents(report, None, old.tables, None))}
    assert not keys & {"thresholds", "baselines", "weights", "neurons", "motifs"}
    assert "degree" in keys


# --- numbers --------------------------------------------------------------------------------------------------------


def test_the_verdict_and_the_tiles_have_their_intervals(contents):
    report = contents("directed").report
    recall, precision = (report["edges"]["intervals"][name] for name in ("recall", "precision"))
    low, high = (f"{100 * recall[end]:.1f} %" for end in ("lower", "upper"))
    assert f"(95 % interval {low} to {high}) of" in report["verdict"]
    false = f"{100 * (1 - precision['upper']):.1f} % to {100 * (1 - precision['lower']):.1f} %"
    assert f"(95 % interval {false}) of" in report["verdict"]
    tiles = pages_of(contents("directed"))["summary"].elements[1].tiles
    assert f"95 % interval {precision['lower']:.3f} to {precision['upper']:.3f}" in tiles[0].caption
    few = contents("few").report
    assert "interval" not in few["verdict"]
    score = tables_in(pages_of(contents("few"))["summary"])["Score"]
    assert "fewer than 30" in score.note
    assert report["verdict"] == write_verdict(report)


def test_thresholds_are_those_of_the_report(contents):
    page, thresholds = pages_of(contents("directed"))["thresholds"], contents("directed").report["thresholds"]
    family, surface = tables_in(page).values()
    for row, score in zip(family.rows, thresholds["family"], strict=True):
        names = ("k", "tp", "fp_invented", "fp_flipped", "fn_lost", "fn_flipped")
        assert row[:6] == tuple(f"{score[name]:,}" for name in names)
        assert row[8] == f"{score['f1']:.3f}"
    assert surface.rows[1][3] == f"{thresholds['surface']['scores'][1][2]['f1']:.3f}"
    best = max(thresholds["family"], key=lambda score: score["f1"])
    assert f"F1 is highest, {best['f1']:.3f}" in page.elements[0].text


def test_baselines_and_operating_points_are_those_of_the_report(contents):
    report = contents("volumes").report
    page = pages_of(contents("volumes"))["baselines"]
    baselines, points = tables_in(page).values()
    rows = {row[0]: row[1:] for row in baselines.rows}
    contacts = report["baselines"]["all_contacts"]
    assert rows["All pairs that touch"][2] == f"{contacts['f1']:.3f}"
    assert rows["This prediction"][0] == f"{report['edges']['precision']:.3f}"
    assert points.rows[0][0] == "Highest F1"
    assert points.rows[0][4] == f"{report['sweep']['best_f1']['f1']:.3f}"
    assert "the highest heat of each synapse" in points.note
    (alone,) = tables_in(pages_of(contents("directed"))["baselines"]).values()
    assert "No baselines of contacts: no contactome was given (connectomes come without volumes)." in alone.note
    volumes = contents("volumes")
    graph_alone = contents("directed").report["baselines"]
    page = pages_of(replace(volumes, report={**volumes.report, "baselines": graph_alone}))["baselines"]
    assert "no contactome was given (--contactome finds it)." in next(iter(tables_in(page).values())).note
    without = pages_of(contents("directed"))["baselines"].elements[-1]
    assert without.text == (
        "Not available: a sweep over scores of synapses, as connectomes were compared without their synapses."
    )


def test_weights_neurons_and_motifs_are_those_of_the_report(contents):
    report, pages = contents("directed").report, pages_of(contents("directed"))
    weights = {row[0]: row for row in tables_in(pages["weights"])["Agreement of the numbers"].rows}
    assert weights["Ruzicka similarity"][2] == f"{report['weights']['ruzicka']:.3f}"
    interval = report["weights"]["intervals"]["recall"]
    assert weights["Weighted recall"][3] == f"{interval['lower']:.3f} to {interval['upper']:.3f}"
    worst = tables_in(pages["neurons"])["Neurons with most false and missed connections"].rows
    neurons = contents("directed").tables["neurons"]
    first = neurons[(neurons["role"] == "total") & (neurons["segment_id"] == int(worst[0][0]))].iloc[0]
    assert worst[0][1:4] == tuple(str(first[name]) for name in ("tp", "fp", "fn"))
    assert len(worst[0][0]) == 19, "ids in full"
    census = {row[0]: row for row in tables_in(pages["motifs"])["Triples of neurons"].rows}
    counted = next(row for row in report["motifs"]["census"] if row["motif"] == "030T")
    assert census["030T"][1:3] == (f"{counted['truth']:,}", f"{counted['predicted']:,}")
    assert len(census) == 13
    losses = tables_in(pages["degree"])["Lost and joined"].rows
    assert losses[2] == ("In the largest component", "60", "60")


def test_what_could_not_be_counted_says_why(contents):
    pages = pages_of(contents("nothing"))
    assert [element.text for element in pages["thresholds"].elements] == [
        "Neither graph has a connection, so no score is defined at any threshold."
    ]
    assert pages["neurons"].elements[0].text == "No neuron has a connection in either graph."
    report = {**contents("directed").report}
    report["motifs"] = {**report["motifs"], "census": None, "truth": None, "census_reason": "it would take days"}
    page = pages_of(ReportContents(report, None, contents("directed").tables, None))["motifs"]
    assert page.elements[1] == Paragraph("Not available: it would take days.", "note")
    assert "Pairs of neurons" in tables_in(page)


def test_the_first_page_says_in_short_what_the_others_find(contents):
    pages = pages_of(contents("undirected"))
    (found,) = [element for element in pages["summary"].elements if isinstance(element, Bullets)]
    leads = [element.text for page in pages.values() for element in page.elements[:1] if isinstance(element, Paragraph)]
    assert found.title == "In short"
    assert found.items
    assert set(found.items) <= set(leads)


# --- plots ----------------------------------------------------------------------------------------------------------


def test_thresholds_are_drawn_with_their_intervals(contents):
    family = contents("directed").report["thresholds"]["family"]
    ax = plot_thresholds(family)
    drawn = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    for name, label in (("precision", "precision"), ("recall", "recall"), ("f1", "F1")):
        assert drawn[label] == [row[name] for row in family]
    bars = [segment for bars in ax.collections for segment in bars.get_segments()]
    limits = [row["intervals"]["f1"] for row in family if row["intervals"]["f1"]["lower"] is not None]
    assert len(bars) >= 3 * len(limits) - 2
    assert any(np.allclose(bar[:, 1], [limits[0]["lower"], limits[0]["upper"]]) for bar in bars)
    assert plot_thresholds([{"k": 1, "precision": 0.9, "recall": 0.8, "f1": None}]).get_ylim()[0] == 0.5


def test_precision_recall_has_all_points_and_isolines():
    ax = plot_precision_recall({"prediction": (0.8, 0.6), "all contacts": (1.0, 0.1)})
    assert {marks.get_label(): marks.get_offsets().tolist() for marks in ax.collections} == {
        "prediction": [[0.8, 0.6]],
        "all contacts": [[1.0, 0.1]],
    }
    for line in ax.lines:
        recall, precision = line.get_xdata(), line.get_ydata()
        f1 = 2 * recall * precision / (recall + precision)
        assert np.allclose(f1, f1[0])


def test_weights_are_counted_by_hand():
    truth, predicted = nx.Graph(), nx.Graph()
    truth.add_edge(1, 2, n_synapses=3)
    truth.add_edge(2, 3, n_synapses=3)
    predicted.add_edge(1, 2, n_synapses=1)
    predicted.add_edge(1, 4, n_synapses=2)
    outcomes = cg.list_edge_outcomes(truth, predicted)
    assert count_weights(outcomes).to_numpy().tolist() == [[0, 2, 1], [3, 0, 1], [3, 1, 1]]
    assert plot_weights(outcomes).collections[0].get_offsets().tolist() == [[0, 2], [3, 0], [3, 1]]


def test_strata_neurons_and_triads_are_drawn_as_they_are(contents):
    report, tables = contents("directed").report, contents("directed").tables
    strata = report["weights"]["strata"][:2]
    ax = plot_strata(strata)
    assert ax.lines[0].get_ydata().tolist() == pytest.approx(
        [np.nan if row["share"] is None else row["share"] for row in strata[0]["bins"]], nan_ok=True
    )
    neurons = tables["neurons"]
    total = neurons[(neurons["role"] == "total") & neurons["f1"].notna()]
    drawn = plot_neurons(neurons).collections[0].get_offsets().tolist()
    assert drawn == total[["n_synapses_truth", "f1"]].to_numpy().tolist()
    lines = {line.get_label(): line for line in plot_neuron_distribution(neurons).lines}
    assert lines["median"].get_xdata()[0] == pytest.approx(total["f1"].median())
    census = report["motifs"]["census"]
    ax = plot_motifs(census)
    assert [bar.get_height() for bar in ax.containers[0]] == [
        row["log2_ratio"] for row in census if row["motif"] in TRIAD_ARROWS
    ]
    few = [row["truth"] < 10 for row in census if row["motif"] in TRIAD_ARROWS]
    assert [bar.get_hatch() is not None for bar in ax.containers[0]] == few


@pytest.mark.parametrize("motif", TRIAD_ARROWS)
def test_triads_are_drawn_as_networkx_counts_them(motif):
    graph = nx.DiGraph()
    graph.add_nodes_from("ABC")
    graph.add_edges_from(map(tuple, TRIAD_ARROWS[motif].split()))
    assert nx.triadic_census(graph)[motif] == 1
