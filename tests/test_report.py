"""The report: every number is the one in report.json, whatever the contents; nothing is clipped, nothing is unsafe."""

from __future__ import annotations

import copy
import io
import json
import re
import subprocess
import sys
import time
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from connectograph.compare import list_edge_outcomes, score_counts
from connectograph.report import (
    ReportContents,
    render_figures,
    render_html,
    render_pdf,
    summarise_html,
    write_verdict,
)
from connectograph.report.elements import Figure
from connectograph.report.figures import place_panels
from connectograph.report.pages import build_sections
from connectograph.report.strips import Line, make_strips
from connectograph.report.typesetting import measure_text, replace_missing, wrap_text
from connectograph.report.wording import clean_text, format_bytes, format_number, format_percent, format_score
from connectograph.tables import empty_table, make_table

HOSTILE = '"><img src=x onerror=alert(1)> \u202egnp.exe </details> $\\frac{1}{2}$'
LARGE = (18446744073709551612, 18446744073709551613)
A, B, C = 12, 345, 6789
SHA = "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92"
NO_PREDICTION = "no prediction was given"
FORBIDDEN = ("nan", "None", "inf", "e+1", "0.0000", "NaT")


# ------------------------------------------------------------------------------------------------ contents


def make_report(tp=2, fp=1, fn=1, **changes) -> dict:
    reasons = {
        "below_contact": 0,
        "partner_filtered": 1,
        "no_segment": 0,
        "one_segment": 1,
        "no_common_voxel": 0,
    }
    grid = {"shape": [125, 1250, 1248], "voxel_size_nm": [40.0, 4.0, 4.0], "offset_nm": [0.0, 8.0, 16.0]}
    report = {
        "schema": "connectograph.report/1",
        "nodes": {"n_segments": 150, "n_connected_truth": 90, "n_connected_predicted": 95},
        "edges": {**score_counts(tp, fp, fn).to_dict(), "directed": False, "autapses_truth": 0},
        "strict": score_counts(tp, fp + 3, fn + 2).to_dict(),
        "excluded": {
            "segments_listed": 0,
            "segments_below_size": 3,
            "truth_synapses_unattached": 2,
            "predicted_synapses_unattached": 4,
            "truth_unattached_reasons": reasons,
            "predicted_unattached_reasons": {**reasons, "no_segment": 2},
            "truth_pairs_filtered": 1,
            "predicted_pairs_filtered": 0,
            "ignored_voxels": 0,
            "ignored_synapses": 0,
            "predicted_synapses_below_size": 0,
            "nan_voxels": 0,
        },
        "synapses": {
            "n_truth": 120,
            "n_predicted": 140,
            "n_truth_attached": 118,
            "n_predicted_attached": 136,
            "pairs_per_synapse_truth": {"0": 2, "1": 100, "2": 18},
            "pairs_per_synapse_predicted": {"0": 4, "1": 117, "2": 17, "4": 2},
        },
        "worst_errors": [make_error("fn", A, C), make_error("fp", B, LARGE[1], n_synapses=1)],
        "settings": {"dilation": 1, "dilation_nm": None, "exclude_segments": [], "threshold": 0.5, "contactome": False},
        "inputs": {
            "segmentation": {**grid, "n_ids": 9000},
            "truth": {**grid, "n_ids": 120, "form": "labels"},
            "predicted": {**grid, "n_ids": 140, "form": "heatmap"},
        },
        "notices": ["prediction: the voxel size was taken from the segmentation"],
        **changes,
    }
    return {**report, "verdict": write_verdict(report)}


def make_error(outcome, source, target, n_synapses=3) -> dict:
    place = {"z_nm": 1020.0, "y_nm": 2002.5, "x_nm": 3014.25, "voxel": [25, 498, 749]}
    return {
        "outcome": outcome,
        "source": str(source),
        "target": str(target),
        "n_synapses": n_synapses,
        "n_voxels": 1234,
        **place,
    }


def make_run(**changes) -> dict:
    inputs = {
        "segmentation": {"path": "a.hdf:/volumes/labels/neuron_ids", "dtype": "uint64", "sha256": SHA},
        "predicted": {"path": "https://host/b.xz?sig=secret", "dtype": "float32", "sha256": SHA},
    }
    return {
        "name": "U-Net, fold 3",
        "command": ["connectograph", "evaluate", "a file.hdf", "--threshold", "0.5"],
        "versions": {"connectograph": "0.1.0", "numpy": "2.4.6"},
        "started": "2025-11-22T17:00:00+00:00",
        "seconds": 3.214,
        "host": "node17",
        "cpu_count": 2,
        "peak_memory_bytes": 734003200,
        "inputs": inputs,
        **changes,
    }


def make_outcomes(truth, predicted, directed=False):
    kind = nx.DiGraph if directed else nx.Graph
    return {"edge_outcomes": list_edge_outcomes(kind(truth), kind(predicted))}


def make_slices(**sides) -> dict[str, np.ndarray]:
    labels = np.repeat(np.arange(1, 13, dtype="uint64"), 100).reshape(30, 40)
    synapses = np.zeros((30, 40), "uint64")
    synapses[10:14, 10:16] = 7
    return {
        "z_index": np.array(62),
        "step": np.array(2),
        "segmentation": labels,
        **(sides or {"truth": synapses, "predicted": synapses[::-1]}),
    }


TABLES = make_outcomes([(A, B), (B, C), (A, C)], [(A, B), (B, C), (B, LARGE[1])])


def ordinary(report=None, run=None, tables=None, slices=None) -> ReportContents:
    return ReportContents(report or make_report(), run or make_run(), TABLES if tables is None else tables, slices)


def without_prediction() -> ReportContents:
    report = make_report()
    for key in ("edges", "strict"):
        report |= {key: None, f"{key}_reason": NO_PREDICTION}
    report["excluded"] |= dict.fromkeys([key for key in report["excluded"] if "predicted" in key or "nan" in key])
    report["synapses"] = {key: value for key, value in report["synapses"].items() if "predicted" not in key}
    report["inputs"] |= {"predicted": None, "predicted_reason": NO_PREDICTION}
    report |= {"nodes": {"n_segments": 150, "n_connected_truth": 90}, "worst_errors": []}
    report["verdict"] = write_verdict(report)
    slices = make_slices(truth=make_slices()["truth"])
    return ReportContents(report, make_run(name=""), {}, slices)


def without_volumes() -> ReportContents:
    reason = "connectomes were compared without volumes"
    errors = [{**make_error("fn", A, C), "z_nm": None, "y_nm": None, "x_nm": None, "voxel": None}]
    report = make_report(
        strict=None,
        strict_reason=reason,
        synapses=None,
        synapses_reason=reason,
        edges={**score_counts(2, 1, 1).to_dict(), "directed": True},
        excluded={"truth_neurons_unmatched": 0, "predicted_neurons_unmatched": 2},
        settings={"directed": True},
        inputs={"truth": {"n_nodes": 4, "n_edges": 3}, "predicted": {"n_nodes": 4, "n_edges": 3}},
        worst_errors=errors,
    )
    tables = make_outcomes([(A, B), (B, C), (A, C)], [(A, B), (B, C), (C, A)], directed=True)
    return ReportContents(report, None, tables, None)


def with_zeros() -> dict:
    excluded = {
        key: 0 if isinstance(value, int) else dict.fromkeys(value, 0)
        for key, value in make_report()["excluded"].items()
    }
    synapses = dict.fromkeys(("n_truth", "n_predicted", "n_truth_attached", "n_predicted_attached"), 0)
    pairs = {"pairs_per_synapse_truth": {"0": 0}, "pairs_per_synapse_predicted": {"0": 0}}
    return {"excluded": excluded, "synapses": {**synapses, **pairs}}


def unicode_name() -> str:
    return ("Zażółć gęślą jaźń Größenmaßstäbe 模型 Ελληνικά кириллица " * 5)[:200]


CASES = {
    "ordinary": lambda: ordinary(slices=make_slices()),
    "empty_truth": lambda: ordinary(make_report(0, 2, 0, worst_errors=[]), tables=make_outcomes([], [(A, B), (B, C)])),
    "empty_prediction": lambda: ordinary(make_report(0, 0, 2), tables={}),
    "neither": lambda: ordinary(
        make_report(0, 0, 0, worst_errors=[], **with_zeros()), tables={"edge_outcomes": empty_table("edge_outcomes")}
    ),
    "one_neuron": lambda: ordinary(
        make_report(
            0,
            0,
            0,
            worst_errors=[],
            nodes={"n_segments": 1, "n_connected_truth": 0, "n_connected_predicted": 0},
            **with_zeros(),
        ),
        tables={},
    ),
    "no_prediction": without_prediction,
    "no_volumes": without_volumes,
    "hostile": lambda: ordinary(
        make_report(notices=[HOSTILE, "{{ 7 * 7 }}"]), make_run(name=HOSTILE, host=HOSTILE), tables={}
    ),
    "unicode": lambda: ordinary(run=make_run(name=unicode_name()), tables={}),
    "large_ids": lambda: ordinary(
        make_report(
            worst_errors=[make_error(kind, *LARGE) for kind in ["fn"] * 6 + ["fp"] * 6],
            settings={"exclude_segments": [str(LARGE[0] - number) for number in range(500)]},
        ),
        tables={},
    ),
    "long": lambda: ordinary(
        make_report(notices=["a long notice " * 30] * 25),
        make_run(command=["connectograph", "evaluate", *["/very/long/" + "x" * 300] * 6]),
        tables={},
    ),
    "polyadic": lambda: ordinary(
        make_report(
            synapses={
                **make_report()["synapses"],
                "pairs_per_synapse_truth": {str(k): 10_000_000 // (k + 1) for k in range(40)},
            }
        ),
        slices={**make_slices(), "raw": np.full((30, 40), 90, "uint8")},
    ),
    "nothing": lambda: ReportContents({"schema": "connectograph.report/1"}, None, {}, None),
}


class Rendered:
    """Both forms of a report, with their text."""

    def __init__(self, contents: ReportContents) -> None:
        self.contents = contents
        self.pdf = render_pdf(contents)
        self.reader = PdfReader(io.BytesIO(self.pdf))
        self.pages = [" ".join(page.extract_text().split()) for page in self.reader.pages]
        self.html = render_html(contents)
        self.page = parse_html(self.html)
        self.text = " ".join(self.page.text.split())


@pytest.fixture(scope="module")
def rendered():
    known: dict[str, Rendered] = {}

    def render(name: str) -> Rendered:
        if name not in known:
            known[name] = Rendered(CASES[name]())
        return known[name]

    return render


every_case = pytest.mark.parametrize("name", CASES)


class Page(HTMLParser):
    """Tags with attributes, headings in order, visible text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._hidden = 0

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._hidden += tag in ("style", "script")

    def handle_endtag(self, tag):
        self._hidden -= tag in ("style", "script")

    def handle_data(self, data):
        self.text += "" if self._hidden else data + " "

    def all(self, *names):
        return [(tag, attributes) for tag, attributes in self.tags if tag in names]


def parse_html(text: str) -> Page:
    page = Page()
    page.feed(text)
    return page


# ------------------------------------------------------------------------------------------------ numbers


NUMBERS = {
    ("edges", "tp"): (71234, "71,234"),
    ("edges", "fp"): (72345, "72,345"),
    ("edges", "fn"): (73456, "73,456"),
    ("edges", "precision"): (0.4436, "0.444"),
    ("edges", "recall"): (0.9656, "0.966"),
    ("edges", "f1"): (0.6079, "0.608"),
    ("strict", "tp"): (74567, "74,567"),
    ("strict", "fp"): (75678, "75,678"),
    ("strict", "fn"): (76789, "76,789"),
    ("strict", "precision"): (0.1234, "0.123"),
    ("strict", "recall"): (0.2345, "0.234"),
    ("strict", "f1"): (0.9999, "> 0.999"),
    ("nodes", "n_segments"): (400_001, "400,001"),
    ("nodes", "n_connected_truth"): (80123, "80,123"),
    ("nodes", "n_connected_predicted"): (80234, "80,234"),
    ("excluded", "segments_listed"): (81001, "81,001"),
    ("excluded", "segments_below_size"): (81002, "81,002"),
    ("excluded", "truth_synapses_unattached"): (81003, "81,003 of 91,001"),
    ("excluded", "predicted_synapses_unattached"): (81004, "81,004 of 91,002"),
    ("excluded", "truth_unattached_reasons", "below_contact"): (81005, "81,005"),
    ("excluded", "predicted_unattached_reasons", "no_common_voxel"): (81006, "81,006"),
    ("excluded", "truth_pairs_filtered"): (81007, "81,007"),
    ("excluded", "predicted_pairs_filtered"): (81008, "81,008"),
    ("excluded", "ignored_voxels"): (81009, "81,009"),
    ("excluded", "ignored_synapses"): (81010, "81,010"),
    ("excluded", "predicted_synapses_below_size"): (81011, "81,011"),
    ("excluded", "nan_voxels"): (81012, "81,012"),
    ("excluded", "missing_chunks"): (81013, "81,013"),
    ("synapses", "n_truth"): (91001, "91,001"),
    ("synapses", "n_predicted"): (91002, "91,002"),
    ("synapses", "n_truth_attached"): (91003, "91,003"),
    ("synapses", "n_predicted_attached"): (91004, "91,004"),
    ("worst_errors", 0, "source"): ("18446744073709551601", "18446744073709551601"),
    ("worst_errors", 0, "target"): ("18446744073709551602", "18446744073709551602"),
    ("worst_errors", 0, "n_synapses"): (94001, "94,001"),
    ("worst_errors", 0, "n_voxels"): (94002, "94,002"),
    ("worst_errors", 1, "z_nm"): (5432.1, "5432.1, 2002.5, 3014.2"),
    ("worst_errors", 1, "voxel"): ([95001, 95002, 95003], "95001, 95002, 95003"),
    ("settings", "dilation"): (97, "97 (default: 1)"),
    ("settings", "threshold"): (0.625, "0.625"),
    ("settings", "exclude_segments"): (["18446744073709551603"], "18446744073709551603"),
    ("inputs", "segmentation", "n_ids"): (96001, "96,001"),
    ("inputs", "truth", "shape"): ([96, 97, 98], "96 × 97 × 98"),
    ("inputs", "truth", "voxel_size_nm"): ([30.5, 6.25, 6.125], "30.5 × 6.25 × 6.125 nm"),
    ("inputs", "predicted", "offset_nm"): ([1.5, -2.5, 1e6], "1.5, −2.5, 1,000,000 nm"),
    ("notices", 0): ("notice 98001", "notice 98001"),
    ("verdict",): ("Verdict number 98002.", "Verdict number 98002."),
}


def put(report, path, value):
    for key in path[:-1]:
        report = report[key]
    report[path[-1]] = value


def test_every_number_in_pdf_and_html_is_the_one_in_the_report():
    report = make_report()
    for path, (value, _) in NUMBERS.items():
        put(report, path, value)
    contents = ordinary(report)
    pdf = " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(render_pdf(contents))).pages)
    html = " ".join(parse_html(render_html(contents, figures=NoPictures())).text.split())
    for path, (_, shown) in NUMBERS.items():
        assert shown in pdf, path
        assert shown in html, path


@pytest.mark.parametrize("path", NUMBERS, ids=lambda path: ".".join(map(str, path)))
def test_html_follows_when_one_number_changes(path):
    value, shown = NUMBERS[path]
    report = make_report()
    shown = shown.split(" of ")[0]
    before = " ".join(parse_html(render_html(ordinary(report), figures=NoPictures())).text.split())
    put(report, path, value)
    after = " ".join(parse_html(render_html(ordinary(report), figures=NoPictures())).text.split())
    assert shown not in before
    assert shown in after


class NoPictures(dict):
    """Stands for pictures where only text is looked at."""

    def items(self):
        return dict.fromkeys(("middle_slice.png", "adjacency.png", "degree.png", "pairs_per_synapse.png"), b"").items()


def test_numbers_of_the_run_are_shown(rendered):
    for text in (" ".join(rendered("ordinary").pages), rendered("ordinary").text):
        for shown in ("3.2 s", "700.0 MiB", "node17", "2.4.6", "0.1.0", "connectograph evaluate 'a file.hdf'"):
            assert shown in text
        assert SHA in text.replace(" ", "")
        assert "sig=" not in text


def test_all_pairs_of_segments_are_counted(rendered):
    # 150 segments: 11,175 pairs, 4 of them an edge of either graph
    assert "Not connected in the truth 1 11,171 11,172" in " ".join(rendered("ordinary").pages)
    ordered = without_volumes()
    ordered.report["nodes"]["n_segments"] = 4
    assert "Not connected in the truth 1 8 9" in " ".join(Rendered(ordered).pages)  # 12 ordered pairs


# ------------------------------------------------------------------------------------------------ every contents


@every_case
def test_no_page_shows_what_people_cannot_read(rendered, name):
    allowed = rendered("hostile").contents.run["name"] if name == "hostile" else ""
    for text in (*rendered(name).pages, rendered(name).text):
        for word in FORBIDDEN:
            assert word not in text.replace(allowed, ""), word


@every_case
def test_pages_are_a4_and_none_is_nearly_empty(rendered, name):
    reader = rendered(name).reader
    assert {(round(page.mediabox.width), round(page.mediabox.height)) for page in reader.pages} == {(595, 842)}
    assert min(map(len, rendered(name).pages)) > 150
    assert len(reader.pages) <= 20


@every_case
def test_sizes_stay_small(rendered, name):
    assert len(rendered(name).html.encode()) <= 5_000_000
    assert len(rendered(name).pdf) <= 8_000_000
    assert len(summarise_html(rendered(name).contents.report).encode()) < 50_000


@pytest.mark.parametrize("name", ["ordinary", "no_volumes", "polyadic"])
def test_same_contents_same_bytes(rendered, name):
    contents = CASES[name]()
    before = copy.deepcopy((contents.report, contents.run))
    assert render_pdf(contents) == rendered(name).pdf
    assert render_html(contents) == rendered(name).html
    assert (contents.report, contents.run) == before


@every_case
def test_text_is_selectable_in_truetype_fonts(rendered, name):
    pages = rendered(name).reader.pages
    fonts = [font.get_object() for page in pages for font in page["/Resources"]["/Font"].values()]
    assert {font["/BaseFont"].split("+")[-1] for font in fonts} <= {"DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono"}
    assert {font["/Subtype"] for font in fonts} == {"/Type0"}
    assert len({font["/BaseFont"] for font in fonts}) <= 3  # none is embedded twice


@every_case
def test_no_line_leaves_its_page_or_touches_another(name):
    for section in build_sections(CASES[name]()):
        for element in section.elements:
            for strip in make_strips(element, 491.0):
                lines = [item for item in strip.items if isinstance(item, Line)]
                boxes = [box_of(line) for line in lines]
                assert all(box[0] >= -0.1 and box[2] <= 491.1 for box in boxes), (section.key, lines)
                assert all(box[1] >= -0.1 and box[3] <= strip.height + 0.1 for box in boxes), (section.key, lines)
                assert not any(overlap(*pair) for pair in combinations(boxes, 2)), (section.key, lines)


def box_of(line: Line) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of capitals and descenders."""
    return (
        line.x,
        line.y - 0.76 * line.size,
        line.x + measure_text(line.text, line.size, line.font),
        line.y + 0.24 * line.size,
    )


def overlap(first, second) -> bool:
    return (
        min(first[2], second[2]) - max(first[0], second[0]) > 0.1
        and min(first[3], second[3]) - max(first[1], second[1]) > 0.1
    )


@pytest.mark.parametrize("name", ["ordinary", "empty_truth", "no_prediction", "no_volumes", "polyadic"])
@pytest.mark.parametrize("width", [420.0, 491.0])
def test_no_text_of_a_figure_is_clipped_or_overlaps(name, width):
    from matplotlib import figure
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from connectograph.plots import house_style

    for section in build_sections(CASES[name]()):
        for element in filter(lambda element: isinstance(element, Figure), section.elements):
            with house_style():
                page = figure.Figure(figsize=(width / 72, element.height * width / 72), dpi=72)
                canvas = FigureCanvasAgg(page)
                element.draw(place_panels(page, element, (0.0, 0.0, width, element.height * width)))
                canvas.draw()
                boxes = {text: text.get_tightbbox(canvas.get_renderer()) for text in list_texts(page)}
            for text, box in boxes.items():
                assert page.bbox.x0 <= box.x0 and box.x1 <= page.bbox.x1, (element.name, text)  # noqa: PT018
                assert page.bbox.y0 <= box.y0 and box.y1 <= page.bbox.y1, (element.name, text)  # noqa: PT018
            for first, second in combinations(boxes.items(), 2):
                assert not overlap(first[1].extents, second[1].extents), (element.name, first[0], second[0])


def list_texts(page):
    """All text that is drawn: of the ticks only those within the limits of their axis."""
    from matplotlib.axis import Tick
    from matplotlib.text import Text

    ticks = {label for tick in page.findobj(Tick) for label in (tick.label1, tick.label2)}
    for axes in page.axes:
        for axis, place in ((axes.xaxis, 0), (axes.yaxis, 1)):
            low, high = sorted(axis.get_view_interval())
            ticks -= {label for label in axis.get_ticklabels() if low <= label.get_position()[place] <= high}
    return [text for text in page.findobj(Text) if text.get_text() and text.get_visible() and text not in ticks]


# ------------------------------------------------------------------------------------------------ PDF


def test_pdf_describes_itself_without_a_date(rendered):
    metadata = rendered("ordinary").reader.metadata
    assert metadata.title == "Connectome evaluation: U-Net, fold 3"
    assert metadata.subject == rendered("ordinary").contents.report["verdict"]
    assert metadata.author == "connectograph 0.1.0"
    assert "connectome" in metadata["/Keywords"]
    assert "/CreationDate" not in metadata
    assert "/ModDate" not in metadata


def test_settings_of_the_user_change_nothing(rendered):
    import matplotlib

    with matplotlib.rc_context(
        {"font.size": 30, "font.family": "serif", "axes.facecolor": "red", "pdf.compression": 0}
    ):
        assert render_pdf(CASES["ordinary"]()) == rendered("ordinary").pdf
        assert matplotlib.rcParams["font.size"] == 30


def test_ids_are_shown_in_full(rendered):
    for text in (" ".join(rendered("large_ids").pages), rendered("large_ids").text):
        assert f"{LARGE[0]} – {LARGE[1]}" in text
        assert "and 492 more" in text


def test_directed_errors_point_from_source_to_target(rendered):
    assert f"{A} → {C}" in rendered("no_volumes").text


def test_characters_without_glyph_are_owned_up_to(rendered):
    first = rendered("unicode").pages[0]
    assert "Größenmaßstäbe \ufffd\ufffd Ελληνικά кириллица" in first
    assert "Characters that the PDF fonts lack" in first
    assert unicode_name() in rendered("unicode").text


def test_what_is_missing_says_why(rendered):
    assert " ".join(rendered("no_prediction").pages).count("Not available: no prediction was given.") == 4
    assert "Not available: connectomes were compared without volumes." in rendered("no_volumes").text
    assert "not defined" in rendered("neither").pages[0]
    assert "the truth has no edge" in rendered("empty_truth").pages[0]
    assert "the prediction has no edge" in rendered("empty_prediction").text


# ------------------------------------------------------------------------------------------------ HTML


@every_case
def test_html_is_structured_for_every_reader(rendered, name):
    page = rendered(name).page
    assert ("html", {"lang": "en"}) in page.tags
    levels = [int(tag[1]) for tag, _ in page.all("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(attributes.get("scope") in ("row", "col") for _, attributes in page.all("th"))
    assert len(page.all("table")) == len(page.all("caption"))
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {attributes["href"][1:] for _, attributes in page.all("a")} <= ids


@every_case
def test_html_stands_alone(rendered, name):
    text, page = rendered(name).html, rendered(name).page
    assert not page.all("iframe", "object", "embed", "link", "base", "form")
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in text
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert all(attributes["src"].startswith("data:image/png;base64,") for _, attributes in page.all("img"))
    assert "url(" not in text
    assert "@import" not in text
    assert not any(
        (value or "").startswith(("http", "//")) for _, attributes in page.tags for value in attributes.values()
    )


def test_pictures_say_what_they_find(rendered):
    alts = [attributes["alt"] for _, attributes in rendered("ordinary").page.all("img")]
    assert len(alts) == 4
    assert any("In both graphs: 2 connections; only in the prediction: 1; only in the truth: 1." in alt for alt in alts)
    assert any("18 of 120 true (15.0\u00a0%)" in alt for alt in alts)


def test_no_line_breaks_between_a_number_and_its_percent_sign(rendered):
    text = rendered("ordinary").page.text
    assert re.search(r"\d\u00a0%", text)
    assert not re.search(r"\d %", text)


def test_text_has_contrast():
    from matplotlib.colors import to_rgb

    from connectograph.plots import COLOURS

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    for ink in ("ink", "muted"):
        for paper in ("white", COLOURS["panel"]):
            assert (luminance(paper) + 0.05) / (luminance(COLOURS[ink]) + 0.05) >= 4.5


def test_hostile_names_stay_text(rendered):
    page = rendered("hostile").page
    assert all(attributes["src"].startswith("data:") for _, attributes in page.all("img"))
    assert not page.all("details")
    assert "\u202e" not in rendered("hostile").html
    assert clean_text(HOSTILE) in rendered("hostile").text
    assert "\\u202egnp.exe" in rendered("hostile").pages[0]
    assert "\\frac{1}{2}" in rendered("hostile").pages[0]


def test_pictures_given_are_the_pictures_shown(rendered):
    contents = CASES["ordinary"]()
    pictures = render_figures(contents)
    assert render_html(contents, figures=pictures) == rendered("ordinary").html
    assert list(pictures) == ["middle_slice.png", "adjacency.png", "degree.png", "pairs_per_synapse.png"]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures.values())


# ------------------------------------------------------------------------------------------------ notebook


@every_case
def test_notebook_form_is_folded_escaped_and_without_script(name):
    text = summarise_html(CASES[name]().report)
    page = parse_html(text)
    assert len(page.all("details")) == 3
    assert not any("open" in attributes for _, attributes in page.all("details"))
    assert not page.all("script", "img", "style", "link")
    assert all("padding" in attributes["style"] for _, attributes in page.all("td", "th"))


def test_notebook_form_shows_scores_and_the_five_worst_errors():
    report = make_report(worst_errors=[make_error("fn", 1000 + number, C) for number in range(9)])
    text = parse_html(summarise_html(report)).text.replace("\u00a0", " ")
    assert all(shown in text for shown in (report["verdict"], "Precision", "0.667", "Recall", "F1"))
    assert [number for number in range(9) if f"{1000 + number} – {C}" in text] == [0, 1, 2, 3, 4]


def test_notebook_form_escapes():
    text = summarise_html(make_report(verdict=HOSTILE) | {"verdict": HOSTILE})
    assert "<img" not in text
    assert len(parse_html(text).all("details")) == 3


# ------------------------------------------------------------------------------------------------ verdict


VERDICTS = {
    (1192, 1494, 42): "Recovers 96.6 % of 1,234 true connections, but 55.6 % of 2,686 predicted connections are false",
    (20, 20, 80): "Recovers 20.0 % of 100 true connections, and 50.0 % of 40 predicted connections are false",
    (
        99999,
        1,
        1,
    ): "Recovers > 99.9 % of 100,000 true connections, but < 0.1 % of 100,000 predicted connections are false",
    (12, 0, 0): "Recovers all 12 true connections and predicts no false one",
    (1, 0, 0): "Recovers the only true connection and predicts no false one",
    (1, 1, 0): "Recovers the only true connection, but 50.0 % of 2 predicted connections are false",
    (3, 0, 1): "Recovers 75.0 % of 4 true connections, and none of 3 predicted connections is false",
    (1, 0, 3): "Recovers 25.0 % of 4 true connections, and the only predicted connection is true",
    (0, 5, 12): "Recovers none of 12 true connections, and all 5 predicted connections are false",
    (0, 1, 1): "Recovers not one true connection of 1, and the only predicted connection is false",
    (0, 5, 0): "The truth has no connection, so recall is not defined and all 5 predicted connections are false",
    (0, 0, 5): "The prediction has no connection, so precision is not defined and all 5 true connections are missed",
    (0, 0, 1): "The prediction has no connection, so precision is not defined and the only true connection is missed",
    (0, 0, 0): "Neither the truth nor the prediction has a connection, so no score is defined",
}


@pytest.mark.parametrize(("counts", "sentence"), VERDICTS.items(), ids=str)
def test_verdict_by_rule(counts, sentence):
    tp, fp, fn = counts
    report = {"edges": {"tp": tp, "fp": fp, "fn": fn}, "excluded": {"segments_listed": 0, "predicted_reason": "x"}}
    assert write_verdict(report) == f"{sentence}; nothing was excluded."


def test_verdict_names_what_was_not_counted():
    assert write_verdict(make_report()).endswith(
        "; not counted: 2 of 120 true and 4 of 140 predicted synapses attached to no pair of segments, 1 true contact "
        "pair with a filtered segment, and 3 segments below the size limit."
    )


@pytest.mark.parametrize(
    ("excluded", "words"),
    [
        ({"truth_synapses_unattached": 1}, "1 true synapse attached to no pair of segments"),
        ({"predicted_pairs_filtered": 2}, "2 predicted contact pairs with a filtered segment"),
        ({"nan_voxels": 1}, "1 heat-map voxel without a value"),
        ({"ignored_voxels": 7, "missing_chunks": 3}, "7 voxels marked as ignored and 3 missing chunks"),
    ],
)
def test_verdict_finds_the_words_for_each_exclusion(excluded, words):
    verdict = write_verdict({"edges": {"tp": 1, "fp": 0, "fn": 0}, "excluded": excluded})
    assert verdict == f"Recovers the only true connection and predicts no false one; not counted: {words}."


def test_verdict_counts_autapses_apart():
    edges = {"tp": 1, "fp": 0, "fn": 0, "autapses_truth": 1, "autapses_predicted": 2}
    verdict = write_verdict({"edges": edges, "excluded": {}})
    assert verdict.endswith("; not counted: 1 true and 2 predicted autapses (a segment joined with itself).")


def test_verdict_without_prediction_or_exclusions():
    contents = without_prediction()
    assert contents.report["verdict"].startswith(
        "Nothing was compared, because no prediction was given; the truth holds 120 synapses and 150 segments; "
        "not counted: 2 of 120 true synapses"
    )
    unknown = {"edges": {"tp": 1, "fp": 0, "fn": 0}, "excluded": None, "excluded_reason": "no volume was read"}
    assert write_verdict(unknown).endswith("; what was excluded is not known, because no volume was read.")


@given(st.tuples(*[st.integers(0, 10**7)] * 3))
def test_verdict_never_rounds_to_nothing_or_everything(counts):
    tp, fp, fn = counts
    verdict = write_verdict({"edges": {"tp": tp, "fp": fp, "fn": fn}, "excluded": {}})
    assert not re.search(r"(?<![\d.])(0|100|0\.0|100\.0) %", verdict)
    assert verdict.count(".") <= 1 + verdict.count(" %")


# ------------------------------------------------------------------------------------------------ wording


@given(st.floats(0, 1))
def test_scores_round_to_0_and_1_only_when_exact(score):
    assert (format_score(score) == "0") == (score == 0)
    assert (format_score(score) == "1") == (score == 1)
    assert (format_percent(score) in ("0 %", "0.0 %")) == (score == 0)
    assert (format_percent(score) in ("100 %", "100.0 %")) == (score == 1)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_numbers_have_no_exponent(value):
    shown = format_number(value)
    assert re.fullmatch(r"not recorded|[<>] −?0\.0001|−?[\d,]+(\.\d{1,4})?", shown)


def test_sizes_in_binary_units():
    assert [format_bytes(size) for size in (0, 1023, 1024, 2**30, 2**50)] == [
        "0 bytes", "1023 bytes", "1.0 KiB", "1.0 GiB", "1,024.0 TiB",
    ]  # fmt: skip


@given(st.text(max_size=60), st.floats(15, 300))
def test_wrapped_text_is_complete_and_narrow(text, width):
    cleaned = replace_missing(clean_text(text))
    lines = wrap_text(cleaned, width, 8.0)
    assert "".join(lines).replace(" ", "") == cleaned.replace(" ", "")
    assert all(measure_text(line, 8.0) <= width + 1e-6 or len(line) == 1 for line in lines)


def test_a_percent_sign_stays_with_its_number():
    width = measure_text("Recovers 96.6", 8.0) + 1
    assert wrap_text("Recovers 96.6 % of all", width, 8.0) == ["Recovers", "96.6 % of all"]


# ------------------------------------------------------------------------------------------------ scale


def test_a_hundred_thousand_neurons_within_thirty_seconds():
    n_nodes, n_edges = 100_000, 200_000
    rng = np.random.default_rng(1)
    keys = np.unique(rng.integers(0, n_nodes * n_nodes, n_edges))
    low, high = np.minimum(keys // n_nodes, keys % n_nodes), np.maximum(keys // n_nodes, keys % n_nodes)
    keys = np.unique((low * n_nodes + high)[low != high])
    outcome = rng.choice(["tp", "fp", "fn"], len(keys))
    source, target = (end.astype("uint64") + np.uint64(2**63) for end in np.divmod(keys, n_nodes))
    columns = {"source": source, "target": target, "outcome": outcome, "cause": [""] * len(keys)}
    columns |= dict.fromkeys(("n_synapses_truth", "n_synapses_predicted"), np.ones(len(keys), np.int64))
    columns |= dict.fromkeys(("z_nm", "y_nm", "x_nm"), np.zeros(len(keys)))
    contents = ordinary(tables={"edge_outcomes": make_table("edge_outcomes", columns)})
    start = time.perf_counter()
    pdf, html = render_pdf(contents), render_html(contents)
    assert time.perf_counter() - start < 30
    assert len(pdf) <= 8_000_000
    assert len(html.encode()) <= 5_000_000


def test_report_needs_matplotlib_only_to_draw_and_never_pyplot():
    program = """
import json, sys
from connectograph.report import ReportContents, render_html, render_pdf, summarise_html, write_verdict
before = "matplotlib" in sys.modules
contents = ReportContents(json.loads(sys.argv[1]), None, {}, None)
render_pdf(contents), render_html(contents)
print(before, "matplotlib.figure" in sys.modules, "matplotlib.pyplot" in sys.modules)
"""
    arguments = [sys.executable, "-c", program, json.dumps(make_report())]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]
