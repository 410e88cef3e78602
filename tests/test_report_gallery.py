"""The worst errors as they look in the volumes, where errors lie, and how it was scored."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import replace
from urllib.parse import urlsplit

import networkx as nx
import numpy as np
import pytest
from pypdf import PdfReader
from test_report import CASES, ordinary, parse_html

import connectograph as cg
from connectograph.evaluation import render_run
from connectograph.evaluation.crops import cut_crops
from connectograph.io.lazy import read_boxes
from connectograph.plots import EXAMPLE_LINKS, plot_crop, plot_places, plot_rule
from connectograph.report import ReportContents, render_html, render_pdf
from connectograph.report.bookmarks import add_bookmarks
from connectograph.report.elements import Case, Table
from connectograph.report.figures import list_figures
from connectograph.report.pages import build_sections
from connectograph.report.pages.errors import build_errors
from connectograph.report.pages.places import build_places
from connectograph.report.pages.scoring import build_scoring
from connectograph.report.wording import format_score
from connectograph.volumes import Volume

BASE = 2**63
LINK = "https://viewer.example/#!%7B%22segments%22:%5B%2218446744073709551612%22%5D%7D"


def make_inputs():
    """Three large ids in a row; the truth joins the first two, the prediction the last two."""
    segmentation = np.repeat(np.arange(3, dtype=np.uint64) + np.uint64(BASE), 100)[np.newaxis, np.newaxis, :]
    segmentation = np.broadcast_to(segmentation, (5, 60, 300)).copy()
    truth, predicted = np.zeros((5, 60, 300), np.uint64), np.zeros((5, 60, 300), np.uint64)
    truth[2:4, 20:30, 97:103] = 7
    predicted[1:3, 20:30, 197:203] = 9
    size = {"voxel_size": (40.0, 8.0, 8.0), "offset": (400.0, 0.0, 0.0)}
    return {name: Volume(array, **size) for name, array in
            (("segmentation", segmentation), ("truth", truth), ("predicted", predicted))}  # fmt: skip


@pytest.fixture(scope="module")
def evaluation():
    inputs = make_inputs()
    return cg.evaluate(inputs["segmentation"], truth=inputs["truth"], predicted=inputs["predicted"])


@pytest.fixture(scope="module")
def run(evaluation, tmp_path_factory):
    return evaluation.write(tmp_path_factory.mktemp("run") / "a")


def contents_of(evaluation, **changes):
    return ReportContents({**evaluation.report, **changes}, None, dict(evaluation.tables), None, cut_crops(evaluation))


# ------------------------------------------------------------------------------------------------ crops


def test_crops_show_the_volumes_around_each_error(evaluation):
    crops, inputs = cut_crops(evaluation), make_inputs()
    assert [(error["outcome"], error["voxel"][0]) for error in evaluation.report["worst_errors"]] == [
        ("fn", 3), ("fp", 2),
    ]  # fmt: skip
    assert crops["source"].tolist() == [BASE, BASE + 1]
    assert crops["segments"].shape == (2, 3, 60, 125)
    for index, ((z, y, x), side) in enumerate(zip(crops["origin"].tolist(), ("truth", "predicted"), strict=True)):
        box = (slice(z, z + 3), slice(y, y + 60), slice(x, x + 125))
        labels = inputs["segmentation"].labels[box]
        assert np.array_equal(crops["segments"][index] == 1, labels == crops["source"][index])
        assert np.array_equal(crops["segments"][index] == 2, labels == crops["target"][index])
        assert np.array_equal(crops[side][index], inputs[side].labels[box] != 0)
        assert crops[side][index].any()


def test_windows_stay_within_small_volumes(evaluation):
    crops = cut_crops(evaluation)
    assert (crops["origin"] >= 0).all()
    assert (crops["origin"] + [3, 60, 125] <= [5, 60, 300]).all()


def test_parts_of_a_volume_come_from_one_reading():
    class Streamed:
        shape, dtype, readings = (4, 6, 6), np.dtype("uint64"), 0

        def blocks(self):
            Streamed.readings += 1
            for z in range(4):
                yield cg.volumes.Block((z, 0, 0), (1, 6, 6), lambda z=z: array[z : z + 1])

    array = np.arange(144, dtype="uint64").reshape(4, 6, 6)
    boxes = [np.s_[0:2, 1:3, 0:6], np.s_[1:4, 0:1, 2:4], np.s_[0:0, 0:1, 0:1]]
    assert all(map(np.array_equal, read_boxes(Streamed(), boxes), [array[box] for box in boxes]))
    assert Streamed.readings == 1


def test_a_segment_that_was_split_off_is_shown_as_itself():
    inputs = make_inputs()
    labels = inputs["segmentation"].labels.copy()
    labels[labels == BASE + 2] = BASE  # the last stretch is a second piece of the first segment, until it is split
    segmentation = replace(inputs["segmentation"], labels=labels)
    both = {"truth": inputs["truth"], "predicted": inputs["predicted"]}
    crops = cut_crops(cg.evaluate(segmentation, **both, split_disconnected=True))
    assert crops["target"].tolist() == [BASE + 1, BASE + 1]
    assert crops["source"].tolist() == [BASE, 1]
    assert all((each == code).any() for each in crops["segments"] for code in (1, 2))


def test_points_are_enlarged_to_be_seen(evaluation):
    synapses = evaluation.synapses["truth"]
    one = np.array([synapses.starts[0]]), np.ones(1, synapses.lengths.dtype), synapses.codes[:1]
    points = replace(synapses, starts=one[0], lengths=one[1], codes=one[2])
    crops = cut_crops(replace(evaluation, synapses={"truth": points}))
    assert crops["truth"].sum() == 25


def test_nothing_to_cut_out():
    inputs = make_inputs()
    same = cg.evaluate(inputs["segmentation"], truth=inputs["truth"], predicted=inputs["truth"])
    assert cut_crops(same) is None
    assert cut_crops(cg.compare_connectomes(nx.path_graph(3), nx.path_graph(2))) is None
    assert cut_crops(cg.evaluate(inputs["segmentation"], truth=inputs["truth"])) is None


def test_pictures_of_errors_have_outlines_and_a_scale(evaluation):
    crops = cut_crops(evaluation)
    crop = {key: value if key == "step" else value[0] for key, value in crops.items()}
    ax = plot_crop(crop, voxel_size=(40.0, 8.0, 8.0))
    assert [text.get_text() for text in ax.texts] == ["z = 2", "z = 3", "z = 4", "200 nm"]
    (bar,) = ax.lines
    assert np.ptp(bar.get_xdata()) == 200
    assert len(ax.patches) == 1  # the prediction has nothing there
    raw = plot_crop({**crop, "raw": np.full((3, 60, 125), 7, "uint8")}, voxel_size=(40.0, 8.0, 8.0))
    assert len(raw.patches) == 3
    assert (np.asarray(raw.images[0].get_array())[:, :125] == 7).all()


def test_run_is_rendered_again_without_its_volumes(run):
    before = {name: (run / name).read_bytes() for name in ("report.pdf", "report.html")}
    assert (run / "figures/worst_errors.npz").stat().st_size < 100_000
    render_run(run)
    assert {name: (run / name).read_bytes() for name in before} == before
    assert "error_02.png" in {path.name for path in (run / "figures").iterdir()}
    assert json.loads((run / "report.json").read_text())["worst_errors"][0]["cause"] == "missed"


# ------------------------------------------------------------------------------------------------ cases and links


def test_cases_name_ids_in_full_and_follow_the_report(evaluation):
    section = build_errors(contents_of(evaluation))
    cases = [element for element in section.elements if isinstance(element, Case)]
    assert [case.title for case in cases] == [f"{BASE} – {BASE + 1}", f"{BASE + 1} – {BASE + 2}"]
    assert cases[0].facts[:2] == ("1 synapse, 40 voxels", "cause: synapse missed")
    assert cases[0].title in cases[0].figure.alt
    (table,) = (element for element in section.elements if isinstance(element, Table))
    assert table.explorable
    other = [{**error, "n_voxels": 98765} for error in evaluation.report["worst_errors"]]
    changed = render_text(contents_of(evaluation, worst_errors=other))
    assert changed.count("98,765") >= 4


def render_text(contents):
    """HTML with empty pictures, where only text is looked at."""
    figures = [figure for section in build_sections(contents) for figure in list_figures(section.elements)]
    return render_html(contents, figures={figure.name: b"" for figure in figures})


@pytest.mark.parametrize("name", ["html", "pdf"])
def test_links_lead_where_the_report_says(evaluation, name):
    links = {"neuroglancer": LINK, "bad": "javascript:alert(1)", "worse": "data:text/html,x"}
    errors = [{**error, "links": links} for error in evaluation.report["worst_errors"]]
    contents = contents_of(evaluation, worst_errors=errors)
    if name == "html":
        page = parse_html(render_html(contents))
        found = [each["href"] for _, each in page.all("a") if not each["href"].startswith("#")]
    else:
        pages = PdfReader(io.BytesIO(render_pdf(contents))).pages
        notes = [note.get_object() for page in pages for note in page.get("/Annots") or ()]
        found = [note["/A"]["/URI"] for note in notes]
        assert sum("neuroglancer" in page.extract_text() for page in pages)
    assert found == [LINK] * 4  # the place in the table, and the picture
    assert urlsplit(found[0]).hostname == "viewer.example"


# ------------------------------------------------------------------------------------------------ places and rules


def test_places_add_up_to_the_score(evaluation):
    places, edges = evaluation.report["places"], evaluation.report["edges"]
    assert places["box_nm"] == [[400.0, 0.0, 0.0], [600.0, 480.0, 2400.0]]
    assert (places["n_placed"], places["n_unplaced"]) == (2, 0)
    for rows in (places["by_distance"], places["by_depth"]):
        assert all(sum(row[name] for row in rows) == edges[name] for name in ("tp", "fp", "fn"))
        assert all(row["upper_nm"] >= row["lower_nm"] for row in rows)
    assert len(places["by_depth"]) == 5


def test_places_page_follows_the_report(evaluation):
    places = evaluation.report["places"]
    bins = [{**row, "f1": 0.1 + 0.01 * index} for index, row in enumerate(places["by_depth"])]
    section = build_places(contents_of(evaluation, places={**places, "by_depth": bins}))
    assert [row[-1] for row in section.elements[-1].rows] == [format_score(row["f1"]) for row in bins]


def test_places_are_drawn_to_scale(evaluation):
    box = evaluation.report["places"]["box_nm"]
    ax = plot_places(evaluation.edge_outcomes, down="z", right="x", box=box)
    assert ax.get_aspect() == 1.0
    assert [float(end) for end in (*ax.get_xlim(), *ax.get_ylim())] == [0.0, 2.4, 0.6, 0.4]
    assert sum(len(scatter.get_offsets()) for scatter in ax.collections) == 2


@pytest.mark.parametrize("rule", EXAMPLE_LINKS)
def test_every_rule_is_drawn_and_told(rule):
    ax = plot_rule(rule)
    arrows = [note.arrow_patch for note in ax.texts if getattr(note, "arrow_patch", None) is not None]
    assert len(arrows) == len(EXAMPLE_LINKS[rule]) + 3
    report = {**ordinary().report, "settings": {"partner_rule": rule, "dilation": 3, "min_contact_voxels": 5}}
    first = build_scoring(ordinary(report)).elements[0].text
    assert rule == "partners" or ("3 voxels" in first and "5 voxels" in first)


# ------------------------------------------------------------------------------------------------ bookmarks


def test_bookmarks_lead_to_their_pages():
    reader = PdfReader(io.BytesIO(render_pdf(CASES["ordinary"]())), strict=True)
    marks = [(mark.title, reader.get_destination_page_number(mark)) for mark in reader.outline]
    assert [title for title, _ in marks][:3] == ["Summary", "Data and parameters", "How it was scored"]
    for title, page in marks[1:]:
        text = reader.pages[page].extract_text()
        assert len(text.rpartition(title)[2]) > 60, f"{title} stands alone at the foot of its page"
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert reader.metadata.title.startswith("Connectome evaluation")


def test_bookmarks_leave_the_pages_alone_and_hold_any_title():
    plain = render_pdf(CASES["nothing"]())
    marked = add_bookmarks(plain, [("Ångström (模型) \\)", 0)])
    assert marked.startswith(plain)
    assert [mark.title for mark in PdfReader(io.BytesIO(marked)).outline] == ["Ångström (模型) \\)"]
    with pytest.raises(ValueError, match="trailer"):
        add_bookmarks(b"%PDF trailer", [])


def test_ids_never_become_numbers_in_the_script():
    html = render_text(CASES["large_ids"]())
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert str(sys.maxsize) not in script
    assert all(word not in script for word in ("innerHTML", "eval", "http", "document.write"))


def test_report_follows_when_numbers_of_the_run_change(run):
    report = json.loads((run / "report.json").read_text())
    kept = (run / "report.json").read_bytes()
    report["edges"]["precision"], report["places"]["by_depth"][0]["fn"] = 0.12345, 43210
    report["worst_errors"][1]["n_voxels"] = 98765
    (run / "report.json").write_text(json.dumps(report))
    render_run(run)
    pdf = " ".join(page.extract_text() for page in PdfReader(run / "report.pdf").pages)
    for text in (pdf, parse_html((run / "report.html").read_text()).text):
        assert all(number in text for number in ("0.123", "43,210", "98,765"))
    (run / "report.json").write_bytes(kept)
    render_run(run)
