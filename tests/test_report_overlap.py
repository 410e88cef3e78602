"""The report's page on overlap and connectivity: its numbers are counted by hand, whatever there is to match."""

from __future__ import annotations

import io
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from pypdf import PdfReader

from connectograph.plots import plot_overlap
from connectograph.report import ReportContents, render_html, render_pdf
from connectograph.report.elements import Figure, Paragraph, Table, Tiles
from connectograph.report.figures import place_panels
from connectograph.report.pages.overlap import build_overlap
from connectograph.report.pages.synapses import build_synapses

SEGMENTS = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]
TRUTH = [5, 5, 5, 5, 0, 0, 0, 6, 6, 0, 7, 0]
PREDICTED = [9, 9, 9, 0, 0, 8, 0, 0, 4, 4, 0, 0]
"""9 overlaps 5 well and joins nothing; 4 overlaps 6 poorly and joins the right segments; 7 is missed, 8 invented."""


@pytest.fixture
def judge(evaluate):
    """Contents of the report on a prediction of the true synapses."""

    def run(predicted=PREDICTED, truth=TRUTH) -> ReportContents:
        ev = evaluate(*(np.array([[values]], "uint64") for values in (SEGMENTS, truth, predicted)))
        return ReportContents(ev.report, None, dict(ev.tables), None)

    return run


def pick(section, kind):
    return [element for element in section.elements if isinstance(element, kind)]


def rows_of(section) -> list[list[tuple[str, ...]]]:
    return [list(table.rows) for table in pick(section, Table)]


def test_the_page_says_where_overlap_and_connectivity_disagree(judge):
    section = build_overlap(judge())
    assert pick(section, Paragraph)[0].text == (
        "Of 2 matched synapses that join segments, 1 (50.0 %) overlaps well (IoU 0.5 or more) but joins the wrong "
        "ones, and 1 (50.0 %) overlaps poorly but joins the right ones."
    )
    tiles = {tile.label: (tile.value, tile.caption) for tile in pick(section, Tiles)[0].tiles}
    assert tiles == {
        "Voxel IoU": ("0.444", "7 true and 6 predicted voxels"),
        "Synapse F1": ("0.667", "3 true and 3 predicted synapses, matched one to one"),
        "Right partners": ("0.500", "50.0 % of 2 matched synapses join exactly the true pairs"),
        "Connection F1": ("0.667", "2 true and 1 predicted connections"),
    }


def test_the_tables_are_counted_by_hand(judge):
    ladder, cross = rows_of(build_overlap(judge()))
    assert ladder == [
        ("Synapse voxels", "4", "2", "3", "0.667", "0.571", "0.615"),
        ("Voxels within 200 nm", "6", "0", "0", "1", "1", "1"),
        ("Synapses", "2", "1", "1", "0.667", "0.667", "0.667"),
        ("Links", "1", "0", "1", "1", "0.500", "0.667"),
        ("Connections", "1", "0", "1", "1", "0.500", "0.667"),
    ]
    assert cross == [
        ("Overlap well (IoU 0.5 or more)", "0", "1", "1"),
        ("Overlap poorly", "1", "0", "1"),
        ("All of them", "1", "1", "2"),
    ]
    note = pick(build_overlap(judge()), Table)[1].note
    assert note == "Right pairs: exactly those of the true synapse. Wrong pairs: 1 joins no true pair."


def test_matches_are_counted_among_the_numbers_of_synapses(judge):
    rows = {label: tuple(counts) for label, *counts in rows_of(build_synapses(judge()))[0]}
    assert rows["Matched one to one"] == ("2", "2")
    assert rows["Not matched: overlap no synapse (missed; invented)"] == ("1", "1")
    assert rows["Overlap two or more (split; merged)"] == ("0", "0")


def test_the_picture_says_what_it_finds(judge):
    (figure,) = pick(build_overlap(judge()), Figure)
    assert "1 (50.0 %) overlaps well (IoU 0.5 or more) but joins the wrong ones" in figure.alt
    assert figure.alt.startswith("Histogram")


def test_pdf_and_html_show_the_page(judge):
    contents = judge()
    pages = PdfReader(io.BytesIO(render_pdf(contents))).pages
    pdf = " ".join(" ".join(page.extract_text().split()) for page in pages)
    html = " ".join(render_html(contents).split())
    sentence = "1 (50.0 %) overlaps well (IoU 0.5 or more) but joins the wrong ones"
    for shown in (sentence, "Right partners", "Do synapses that overlap join the right segments?"):
        assert shown in pdf
        assert shown in html


def test_matches_that_join_nothing_are_counted_apart(judge):
    inside = [0] * 10 + [7, 0]
    section = build_overlap(judge(predicted=inside, truth=inside))
    assert "No matched synapse joins segments" in pick(section, Paragraph)[0].text
    assert pick(section, Table)[1].note.endswith("Left out: 1 that joins no pair on either side.")
    assert {tile.label: tile.caption for tile in pick(section, Tiles)[0].tiles} == {
        "Voxel IoU": "1 true and 1 predicted voxels",
        "Synapse F1": "1 true and 1 predicted synapses, matched one to one",
        "Right partners": "no matched synapse joins a pair",
        "Connection F1": "neither graph has an edge",
    }


@pytest.mark.parametrize(("truth", "predicted"), [(TRUTH, [0] * 12), ([0] * 12, PREDICTED), ([0] * 12, [0] * 12)])
def test_without_matches_the_page_says_so(judge, truth, predicted):
    section = build_overlap(judge(predicted=predicted, truth=truth))
    assert pick(section, Paragraph)[-1].text == "Not available: no synapse is matched."
    assert not pick(section, Figure)


def test_without_the_block_or_the_table_the_page_gives_the_reason(judge):
    contents = judge()
    contents.tables.pop("synapse_matches")
    assert pick(build_overlap(contents), Paragraph)[-1].text == "Not available: the table synapse_matches is missing."
    report = {**contents.report, "synapse_matching": None, "synapse_matching_reason": "no prediction was given"}
    section = build_overlap(ReportContents(report, None, {}, None))
    assert [element.text for element in section.elements] == ["Not available: no prediction was given."]


# ------------------------------------------------------------------------------------------------ the picture


def make_matches(**kinds) -> pd.DataFrame:
    pairs = [(iou, kind) for kind, values in kinds.items() for iou in values]
    return pd.DataFrame(pairs, columns=["iou", "partners"]).replace({"partners": {"none": ""}})


def test_bars_are_the_numbers_of_synapses():
    ax = plot_overlap(make_matches(equal=[0.05, 1.0, 0.95], subset=[0.95], disjoint=[0.1], none=[0.5, np.nan]))
    bars = {container.get_label(): [int(bar.get_height()) for bar in container] for container in ax.containers}
    assert bars == {
        "right pairs": [1, 0, 0, 0, 0, 0, 0, 0, 0, 2],
        "wrong pairs": [0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
        "no pair on either side": [0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
    }
    stacked = ax.containers[1][9]
    assert (stacked.get_y(), stacked.get_x() + stacked.get_width() / 2) == (2, pytest.approx(0.95))
    assert ax.lines[0].get_xdata()[0] == 0.5
    colours = {container[0].get_facecolor() for container in ax.containers}
    assert len(colours) == 3


def test_a_kind_that_does_not_occur_is_not_in_the_legend():
    ax = plot_overlap(make_matches(equal=[0.7]))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["right pairs", "wrong pairs"]


@pytest.mark.parametrize("width", [420.0, 491.0])
def test_no_text_of_the_picture_is_clipped_or_overlaps(judge, width):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Page

    from connectograph.plots import house_style

    (figure,) = pick(build_overlap(judge()), Figure)
    with house_style():
        page = Page(figsize=(width / 72, figure.height * width / 72), dpi=72)
        canvas = FigureCanvasAgg(page)
        figure.draw(place_panels(page, figure, (0.0, 0.0, width, figure.height * width)))
        canvas.draw()
        ax = page.axes[0]
        texts = [*ax.get_xticklabels(), *ax.get_legend().get_texts(), ax.xaxis.label, ax.yaxis.label]
        boxes = [text.get_tightbbox(canvas.get_renderer()) for text in texts]
    assert all(page.bbox.x0 <= box.x0 and box.x1 <= page.bbox.x1 for box in boxes)
    assert all(page.bbox.y0 <= box.y0 and box.y1 <= page.bbox.y1 for box in boxes)
    assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))


def test_distances_between_clefts_are_told_under_the_table(judge):
    contents = judge()
    mean = contents.report["clefts"]["predicted_to_truth"]["mean"]
    note = pick(build_overlap(contents), Table)[0].note
    assert f"predicted voxels are {mean:.3g} nm from the nearest true one (ADGT)" in note
    empty = pick(build_overlap(judge(predicted=[0] * 12)), Table)[0]
    assert "No distances between clefts: a side has no synapse voxel." in empty.note
    report = {**contents.report, "clefts": None, "clefts_reason": "too many voxels"}
    section = build_overlap(ReportContents(report, None, contents.tables, None))
    assert [label for label, *_ in rows_of(section)[0]] == ["Synapse voxels", "Synapses", "Links", "Connections"]
