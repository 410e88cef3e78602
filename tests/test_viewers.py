"""Viewers: errors lead back to their place and their segments, whatever the grid, the ids and the names."""

from __future__ import annotations

import csv
import email
import importlib.util
import json
import runpy
import shutil
import sys
import threading
import types
import urllib.request
import warnings
from collections import Counter
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

import connectograph as cg
from connectograph.cli import main
from connectograph.errors import InputError
from connectograph.evaluation import export_run, read_layers
from connectograph.evaluation.layers import read_tables
from connectograph.io import read_volume, write_volume
from connectograph.io.webknossos_upload import upload_webknossos
from connectograph.viewers import (
    Frame,
    build_nml,
    build_state,
    build_url,
    check_template,
    describe_error,
    fill_template,
    iterate_errors,
    link_position,
    list_errors,
    show_errors,
)

BIG, NEXT = 18446744073709551601, 18446744073709551603
HOSTILE = '"><img src=x onerror=alert(1)>'
VOXEL_SIZE, OFFSET = (40.0, 4.0, 4.5), (400.0, 80.0, 9.0)
FRAME = Frame((6, 40, 50), VOXEL_SIZE, OFFSET)


def make_scene():
    """Three neurons in rows; the truth joins the first two, the prediction the last two: one error of each kind."""
    segmentation = np.zeros((6, 40, 50), "uint64")
    segmentation[:, :13], segmentation[:, 13:26], segmentation[:, 26:] = BIG, NEXT, 7
    truth, predicted = np.zeros_like(segmentation), np.zeros_like(segmentation)
    truth[2, 11:15, 10:20] = BIG + 6
    predicted[4, 24:28, 30:40] = 2**60 + 1
    return segmentation, truth, predicted


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run directory of the scene, on a grid with an offset and three voxel sizes, with raw data."""
    folder = tmp_path_factory.mktemp("run")
    segmentation, truth, predicted = make_scene()
    raw = np.random.default_rng(0).integers(0, 255, segmentation.shape, "uint8")
    write_volume(folder / "seg.hdf", cg.Volume(segmentation, VOXEL_SIZE, OFFSET))
    write_volume(folder / "seg.hdf:volumes/labels/clefts", cg.Volume(truth, VOXEL_SIZE, OFFSET))
    write_volume(folder / "seg.hdf:volumes/raw", cg.Volume(raw, VOXEL_SIZE, OFFSET))
    write_volume(folder / "pred.hdf:volumes/labels/clefts", cg.Volume(predicted, VOXEL_SIZE, OFFSET))
    evaluation = cg.evaluate(
        folder / "seg.hdf", predicted=folder / "pred.hdf", raw=folder / "seg.hdf:volumes/raw", contactome=True
    )
    return evaluation.write(folder / "A")


def read_errors(folder):
    with open(folder / "errors.csv", newline="") as file:
        return list(csv.DictReader(file))


def expect_layers():
    segmentation, truth, predicted = make_scene()
    errors = (truth > 0) * np.uint64(1) + (predicted > 0) * np.uint64(2)
    return {"segmentation": segmentation, "truth": truth, "predicted": predicted, "errors": errors}


def import_quietly(name):
    """A package that the tests may go without: webknossos wants an older networkx than the library's own tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"the package {name} is not installed")


# --- places and errors


@given(
    st.tuples(*[st.sampled_from([1.0, 4.0, 4.5, 40.0])] * 3),
    st.tuples(*[st.integers(0, 1000)] * 3),
    st.tuples(*[st.integers(0, 63)] * 3),
)
def test_voxels_are_where_their_positions_are(voxel_size, start, index):
    offset = tuple(np.multiply(start, voxel_size))
    frame = Frame((64, 64, 64), voxel_size, offset)
    position = np.add(offset, np.multiply(np.add(index, 0.5), voxel_size))
    assert frame.origin == start
    assert np.floor(frame.count_voxels([position]))[0].tolist() == np.add(start, index).tolist()


@pytest.mark.parametrize("offset", [(-40.0, 0.0, 0.0), (41.0, 0.0, 0.0)])
def test_an_offset_that_viewers_cannot_count_leaves_the_corner(offset):
    frame = Frame((4, 4, 4), (40.0, 4.0, 4.0), offset)
    assert frame.origin == (0, 0, 0)
    assert frame.count_voxels([np.add(offset, (20.0, 2.0, 2.0))]).tolist() == [[0.5, 0.5, 0.5]]


def test_errors_are_listed_with_ids_and_places(run):
    errors = read_errors(export_run(run, "napari", overwrite=True))
    missed, false = sorted(errors, key=lambda row: row["outcome"] != "fn")
    assert (missed["source"], missed["target"], missed["synapse_id"]) == (str(BIG), str(NEXT), str(BIG + 6))
    assert (false["source"], false["target"], false["synapse_id"]) == ("7", str(NEXT), str(2**60 + 1))
    # contact voxels are rows 12 and 13 of plane 2, columns 10 to 19
    assert [float(missed[f"{axis}_nm"]) for axis in "zyx"] == [400 + 2.5 * 40, 80 + 13 * 4, 9 + 15 * 4.5]
    assert [float(missed[f"{axis}_voxel"]) for axis in "zyx"] == [10 + 2.5, 20 + 13, 2 + 15]


def test_errors_are_ranked_by_synapses_then_voxels_then_ids():
    truth = nx.Graph([(1, 9, {"n_synapses": 1}), (2, 9, {"n_synapses": 5}), (BIG - 1, BIG, {"n_synapses": 5})])
    evaluation = cg.compare_connectomes(truth, nx.Graph([(3, 4)]))
    errors = list_errors(evaluation.tables, None)
    assert errors["source"].tolist() == [2, BIG - 1, 1, 3]
    assert errors["source"].dtype == errors["target"].dtype == errors["synapse_id"].dtype == "uint64"
    assert list_errors(evaluation.tables, None, most=2)["source"].tolist() == [2, BIG - 1]


def test_no_prediction_has_no_errors_to_show():
    volume = cg.Volume(make_scene()[0], VOXEL_SIZE)
    evaluation = cg.evaluate(volume, truth=cg.Volume(make_scene()[1], VOXEL_SIZE))
    with pytest.raises(InputError, match="no prediction"):
        list_errors(evaluation.tables, None)


# --- templates


def test_a_template_is_filled_with_places_and_full_ids():
    error = {"z": 2.9, "y": 3.0, "x": -1.5, "z_nm": 1.25, "source": BIG, "target": np.uint64(NEXT), "synapse_id": 0}
    template = "https://viewer.org/v{{1}}/{z}/{y}/{x}?z={z_nm}&ids={source},{target}"
    assert fill_template(template, error) == f"https://viewer.org/v{{1}}/2/3/-2?z=1.2&ids={BIG},{NEXT}"
    assert fill_template("https://viewer.org/{synapse_id}", error) == ""
    assert fill_template("https://viewer.org/{x}", {"x": float("nan")}) == ""


@pytest.mark.parametrize(
    "template",
    ["javascript:alert({x})", "data:text/html,{x}", "//host/{x}", "https://", "https:///{x}", "https://{x}/", "{x}",
     'https://host/{x}"onclick=', "https://host/<{x}>", "https://host/ {x}", "https://host/\n{x}", "https://host/{",
     "https://host/{x!r}", "https://host/{x:9}", "https://host/{0}", "https://host/{}", "https://host/{name}",
     "https://host/{x.real}", "http://[{x}", " https://host/{x}", ""],
)  # fmt: skip
def test_a_template_that_is_no_plain_address_is_refused(template):
    with pytest.raises(InputError, match=r"template|address"):
        check_template(template)


# --- neuroglancer


def test_the_state_of_an_error_shows_its_segments_and_its_place(run):
    neuroglancer = import_quietly("neuroglancer")
    out = export_run(run, "neuroglancer", overwrite=True)
    for number, row in enumerate(read_errors(out), start=1):
        text = (out / "states" / f"{number}-{row['outcome']}.json").read_text()
        state = neuroglancer.ViewerState(json.loads(text))
        assert set(state.layers["segmentation"].segments) == {int(row["source"]), int(row["target"])}
        assert list(state.position) == [float(row[f"{axis}_voxel"]) for axis in "xyz"]
        assert state.dimensions.names == ("x", "y", "z")
        assert list(state.dimensions.scales) == [4.5e-9, 4e-9, 40e-9]
        position = np.multiply(state.position, state.dimensions.scales) * 1e9
        # the offset is a whole number of voxels: neuroglancer's place is ours
        assert position.tolist() == pytest.approx([float(row[f"{axis}_nm"]) for axis in "xyz"])
        (points,) = [layer for layer in state.layers if layer.type == "annotation"]
        (point,) = points.annotations
        assert list(point.point) == list(state.position)
        assert [list(map(int, ids)) for ids in point.segments] == [[int(row["source"]), int(row["target"])]]
        assert row["source"] in point.description
        assert f'"{row["source"]}"' in text


def test_a_state_is_in_its_address(run):
    neuroglancer = import_quietly("neuroglancer")
    errors = list_errors(read_tables(run), FRAME)
    url = build_url(build_state(errors.iloc[:1], FRAME, {"segmentation": "zarr://a"}))
    assert len(url) < 2000
    state = neuroglancer.parse_url(url)
    assert list(state.position) == errors[["x", "y", "z"]].iloc[0].tolist()
    assert set(state.layers["segmentation"].segments) == {int(errors["source"][0]), int(errors["target"][0])}


def test_the_layers_of_neuroglancer_hold_what_was_scored(run):
    neuroglancer = import_quietly("neuroglancer")
    out = export_run(run, "neuroglancer", overwrite=True)
    state = neuroglancer.ViewerState(json.loads((out / "state.json").read_text()))
    names = ["raw", "segmentation", "truth", "predicted", "errors", "contactome", "missed (fn)", "false (fp)"]
    assert [layer.name for layer in state.layers] == names
    for name, expected in expect_layers().items():
        volume = read_volume(out / name)
        assert (volume.voxel_size, volume.offset) == (VOXEL_SIZE, OFFSET)
        assert np.array_equal(volume.labels[:, :, :], expected), name
        assert state.layers[name].source[0].url == f"precomputed://http://127.0.0.1:9000/{name}"
    raw = read_volume(f"{run.parent}/seg.hdf:volumes/raw")
    assert np.array_equal(read_volume(out / "raw").labels[:, :, :], raw.labels[:, :, :])


def test_the_folder_is_served_to_other_pages(run):
    out = export_run(run, "neuroglancer", overwrite=True)
    spec = importlib.util.spec_from_file_location("serve", out / "serve.py")
    serve = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(serve)
    with serve.make_server(0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/state.json") as answer:
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
                assert json.loads(answer.read()) == json.loads((out / "state.json").read_text())
        finally:
            server.shutdown()
            thread.join()


# --- webKnossos


def test_the_dataset_opens_with_webknossos_libs_and_equals_the_input(run):
    webknossos = import_quietly("webknossos")
    out = export_run(run, "webknossos", overwrite=True)
    dataset = webknossos.Dataset.open(out / "dataset")
    assert tuple(dataset.voxel_size) == VOXEL_SIZE[::-1]
    assert set(dataset.layers) == {*expect_layers(), "raw", "contactome"}
    for name, expected in expect_layers().items():
        layer = dataset.get_layer(name)
        assert (tuple(layer.bounding_box.topleft), tuple(layer.bounding_box.size)) == ((2, 20, 10), (50, 40, 6))
        assert layer.largest_segment_id == int(expected.max())
        voxels = layer.get_mag(1).read()
        assert voxels.dtype == "uint64"
        assert np.array_equal(voxels[0].transpose(), expected), name
        assert np.array_equal(read_volume(out / f"dataset:{name}").labels[:, :, :], expected)
    raw = dataset.get_layer("raw")
    assert (raw.category, raw.get_mag(1).read().dtype) == ("color", "uint8")
    mask = dataset.get_layer("contactome").get_mag(1).read()
    assert set(np.unique(mask)) == {0, 1}


def test_the_annotation_parses_back(run):
    webknossos = import_quietly("webknossos")
    out = export_run(run, "webknossos", overwrite=True)
    skeleton = webknossos.Annotation.load(out / "errors.nml").skeleton
    assert tuple(skeleton.voxel_size) == VOXEL_SIZE[::-1]
    groups = {group.name: list(group.flattened_trees()) for group in skeleton.flattened_groups()}
    assert {name: len(trees) for name, trees in groups.items()} == {"missed (fn)": 1, "false (fp)": 1}
    for row in read_errors(out):
        name = {"fn": "missed (fn)", "fp": "false (fp)"}[row["outcome"]]
        ((node,),) = [tree.nodes for tree in groups[name]]
        assert list(node.position) == [np.floor(float(row[f"{axis}_voxel"])) for axis in "xyz"]
        for key in ("source", "target", "synapse_id"):
            assert row[key] in node.comment


def test_the_node_lies_in_a_voxel_of_the_synapse(run):
    out = export_run(run, "webknossos", overwrite=True)
    errors = read_volume(out / "dataset:errors")
    start = np.round(np.divide(OFFSET, VOXEL_SIZE)).astype(int)
    things = ElementTree.parse(out / "errors.nml").getroot()
    for thing in things.iter("thing"):
        node = thing.find("nodes/node")
        z, y, x = np.array([int(node.get(axis)) for axis in "zyx"]) - start
        assert errors.labels[z : z + 1, y : y + 1, x : x + 1].item() == int(thing.get("groupId"))


@given(st.text())
def test_an_annotation_is_xml_whatever_the_name(name):
    nml = build_nml(pd.DataFrame({"x": []}), Frame((2, 4, 4), (40.0, 4.0, 4.0)), dataset=name)
    found = ElementTree.fromstring(nml).find("parameters/experiment").get("name")
    assert len(found) == len(name)


def test_links_lead_to_the_place_in_webknossos(run):
    url = "https://webknossos.org/datasets/A-66f/view"
    for row in read_errors(export_run(run, "webknossos", url=url, overwrite=True)):
        x, y, z = (str(int(np.floor(float(row[f"{axis}_voxel"])))) for axis in "xyz")
        assert row["link"] == f"{url}#{x},{y},{z},0,0.5"
    assert link_position(url, {"x": float("nan")}) == ""


class StandIn(BaseHTTPRequestHandler):
    """As much of a webKnossos server as an upload needs."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        server, path = self.server, self.path.partition("?")[0]
        store = {"url": server.url, "name": "store", "allowsUpload": True}
        if path == "/api/buildinfo":
            return self.answer({"httpApiVersioning": {"currentApiVersion": 16, "oldestSupportedApiVersion": 16}})
        if self.headers.get("X-Auth-Token") != server.token:
            return self.answer({"messages": [{"error": f"bad token {self.headers.get('X-Auth-Token')}"}]}, 401)
        if path.endswith("/user"):
            return self.answer(USER)
        if path.endswith("/datastores"):
            return self.answer([store])
        if path.endswith("/isValidNewName"):
            return self.answer({"isValid": True})
        if path.endswith("/datasource-properties.json"):
            return self.answer(json.loads(server.files["datasource-properties.json"]))
        known = path.endswith("/datasets/66f") and "datasource-properties.json" in server.files
        return self.answer({**DATASET, "dataStore": store} if known else {}, 200 if known else 404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.tokens.add(self.headers.get("X-Auth-Token"))
        if self.path.partition("?")[0].endswith("/dataset"):
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            parts = {
                part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
                for part in email.message_from_bytes(head + body).get_payload()
            }
            self.server.files[parts["resumableRelativePath"].decode().strip()] = parts["file"]
        return self.answer({"newDatasetId": "66f", "datasetId": "66f"})

    def answer(self, content, status=200):
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


USER = {
    "id": "1", "email": "a@b.org", "organization": "lab", "firstName": "A", "lastName": "B", "created": 0,
    "lastActivity": 0, "isActive": True, "isAdmin": False, "isDatasetManager": False, "teams": [], "experiences": {},
}  # fmt: skip
DATASET = {
    "id": "66f", "name": "pred", "isPublic": False, "folderId": "f", "allowedTeams": [], "tags": [],
    "directoryName": "pred", "owningOrganization": "lab", "created": 0.0,
    "dataSource": {"id": {"name": "pred", "team": "lab"}, "status": "not read"},
}  # fmt: skip


@pytest.fixture
def stand_in():
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.url, server.token = f"http://127.0.0.1:{server.server_port}", "secret-of-mine"
    server.files, server.tokens = {}, set()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_dataset_is_uploaded_only_on_request_with_the_users_token(run, stand_in, monkeypatch, capsys):
    import_quietly("webknossos")
    command = ["export", str(run), "webknossos", "--overwrite", "--server", stand_in.url]
    monkeypatch.setenv("WK_TOKEN", "secret-of-mine")
    assert main(command) == 0
    assert not stand_in.files
    assert main([*command, "--upload"]) == 0
    assert f"uploaded: {stand_in.url}/datasets/" in capsys.readouterr().out
    assert stand_in.tokens == {"secret-of-mine"}
    written = run / "webknossos" / "dataset"
    files = {file.relative_to(written).as_posix(): file.read_bytes() for file in written.rglob("*") if file.is_file()}
    assert stand_in.files == files


def test_an_upload_that_fails_says_so_without_the_token(run, stand_in, monkeypatch, capsys):
    command = ["export", str(run), "webknossos", "--overwrite", "--upload", "--server"]
    monkeypatch.delenv("WK_TOKEN", raising=False)
    assert main([*command, stand_in.url]) == 2
    assert "WK_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("WK_TOKEN", "another-secret")
    assert main([*command, "ftp://host"]) == 2
    capsys.readouterr()
    import_quietly("webknossos")
    assert main([*command, stand_in.url]) == 2
    said = capsys.readouterr()
    assert "did not take the dataset" in said.err
    assert "another-secret" not in said.err + said.out
    assert not stand_in.files


def test_an_upload_without_the_library_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "webknossos", None)
    with pytest.raises(InputError, match=r"pip install 'connectograph\[webknossos\]'"):
        upload_webknossos("dataset", server="https://webknossos.org", token="mine", name="A")


# --- napari


class Recorder:
    """Stands in for napari's viewer."""

    made: ClassVar[list] = []

    def __init__(self, title):
        self.layers = {}
        Recorder.made.append(self)

    def add_labels(self, data, *, name, **options):
        self.layers[name] = (data, options)

    add_image = add_points = add_labels


def test_the_napari_script_shows_the_right_voxels_and_points(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "napari", types.SimpleNamespace(Viewer=Recorder, run=lambda: None))
    out = export_run(run, "napari", overwrite=True)
    runpy.run_path(str(out / "view.py"))
    layers = Recorder.made.pop().layers
    place = np.add(OFFSET, np.divide(VOXEL_SIZE, 2)).tolist()
    for name, expected in expect_layers().items():
        codes, options = layers[name]
        ids = dict(zip(options["features"]["index"], options["features"]["id"], strict=True))
        assert np.array_equal([int(ids[code]) for code in codes.ravel()], expected.ravel())
        assert (options["scale"], options["translate"]) == (VOXEL_SIZE, place)
        assert ((codes == 0) == (expected == 0)).all()
    for row in read_errors(out):
        points, options = layers[row["outcome"]]
        assert points.tolist() == [[float(row[f"{axis}_nm"]) for axis in "zyx"]]
        assert options["features"]["source"].tolist() == [row["source"]]


# --- the command


@pytest.mark.parametrize("viewer", ["webknossos", "neuroglancer", "napari"])
def test_the_command_writes_a_folder_and_replaces_only_its_own(run, tmp_path, capsys, viewer):
    out = tmp_path / "out"
    template = "https://viewer.org/#{x},{y},{z}?{source}"
    command = ["export", str(run), viewer, "--out", str(out), "--link-template", template, "--max-errors", "1"]
    assert main(command) == 0
    assert str(out) in capsys.readouterr().out
    (row,) = read_errors(out)
    assert row["link"].endswith(row["source"])
    record = json.loads((out / "export.json").read_text())
    assert (record["n_errors"], record["n_errors_written"]) == (2, 1)
    assert main(command) == 2
    assert main([*command, "--overwrite"]) == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert main(["export", str(run), viewer, "--out", str(tmp_path / "mine"), "--overwrite"]) == 2
    assert "no earlier export" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["notes.txt"]


def test_what_cannot_be_exported_is_said(run, tmp_path, capsys):
    compared = cg.compare_connectomes(nx.Graph([(1, 2)]), nx.Graph([(1, 3)])).write(tmp_path / "G", reports=False)
    assert main(["export", str(compared), "neuroglancer"]) == 2
    assert "no volume" in capsys.readouterr().err
    segmentation, truth, predicted = (cg.Volume(array, VOXEL_SIZE) for array in make_scene())
    memory = cg.evaluate(segmentation, truth=truth, predicted=predicted).write(tmp_path / "M", reports=False)
    assert main(["export", str(memory), "webknossos"]) == 2
    assert "made in memory" in capsys.readouterr().err
    assert main(["export", str(run), "neuroglancer", "--url", "javascript:alert(1)"]) == 2
    assert main(["export", str(run), "neuroglancer", "--max-errors", "0"]) == 2
    assert main(["export", str(run), "napari", "--upload"]) == 2
    assert main(["export", str(tmp_path), "napari"]) == 2


def test_an_input_that_changed_is_refused(tmp_path):
    segmentation, truth, predicted = make_scene()
    write_volume(tmp_path / "seg.hdf", cg.Volume(segmentation, VOXEL_SIZE))
    write_volume(tmp_path / "truth.npy", cg.Volume(truth, VOXEL_SIZE))
    write_volume(tmp_path / "pred.npy", cg.Volume(predicted, VOXEL_SIZE))
    names = {"truth": tmp_path / "truth.npy", "predicted": tmp_path / "pred.npy"}
    folder = cg.evaluate(tmp_path / "seg.hdf", **names).write(tmp_path / "A", reports=False)
    assert np.array_equal(read_layers(folder)["predicted"].labels[:, :, :], predicted)
    write_volume(tmp_path / "pred.npy", cg.Volume(truth, VOXEL_SIZE), overwrite=True)
    with pytest.raises(InputError, match="has changed since the run"):
        export_run(folder, "neuroglancer")
    (tmp_path / "pred.npy").unlink()
    with pytest.raises(InputError, match="is gone"):
        export_run(folder, "webknossos")


TEMPLATE = "https://viewer.org/{x}/{y}/{z}/{source}/{target}/{synapse_id}"


@pytest.fixture(scope="module")
def linked(run, tmp_path_factory):
    """The run with links wherever its report lists an error."""
    folder = shutil.copytree(run, tmp_path_factory.mktemp("linked") / "A")
    assert main(["report", str(folder), "--link-template", TEMPLATE]) == 0
    return folder


def read_links(folder, form):
    if form == "html":
        found = Links((folder / "report.html").read_text()).found
    else:
        notes = [
            note.get_object() for page in PdfReader(folder / "report.pdf").pages for note in page.get("/Annots", ())
        ]
        found = [note["/A"]["/URI"] for note in notes]
    return [link for link in found if link.startswith("http")]


@pytest.mark.parametrize("form", ["html", "pdf"])
def test_every_error_of_the_report_leads_to_its_place(linked, form):
    report = json.loads((linked / "report.json").read_text())
    errors = iterate_errors(list_errors(read_tables(linked), FRAME))
    addresses = Counter(fill_template(TEMPLATE, error) for error in errors)
    fixes = report["fixes"]["first"]
    for fix in fixes:
        x, y, z = (int((fix[f"{axis}_nm"]) / size) for axis, size in zip("xyz", VOXEL_SIZE[::-1], strict=True))
        synapse = fix["synapse_id_truth" if fix["kind"] == "add_synapse" else "synapse_id_predicted"]
        addresses[f"https://viewer.org/{x}/{y}/{z}/{fix['source']}/{fix['target']}/{synapse}"] += 1
    # each error stands in the table, at its picture and, as the only one of its kind, behind the number of its cause
    found = Counter(read_links(linked, form))
    assert set(found) == set(addresses)
    assert sum(found.values()) == 3 * len(errors) + len(fixes)


def test_links_are_made_only_when_asked(run, linked):
    assert main(["report", str(run), "--link-template", "javascript:{x}"]) == 2
    assert (linked / "report.json").read_bytes() == (run / "report.json").read_bytes()
    assert read_links(run, "html") == read_links(run, "pdf") == []


class Links(HTMLParser):
    """Addresses that a page leads to."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if tag == "a" and name == "href"]


# --- tables in notebooks


def test_errors_are_shown_as_text_with_links_that_are_safe():
    graph = nx.Graph([(BIG, NEXT)])
    errors = list_errors(cg.compare_connectomes(graph, nx.Graph([(1, 2)])).tables, None)
    errors.loc[0, "cause"] = HOSTILE
    text = show_errors(errors, link_template="https://viewer.org/?a={source}&b={target}").to_html()
    assert str(BIG) in text
    assert "<img" not in text
    assert f'href="https://viewer.org/?a={BIG}&amp;b={NEXT}"' in text
    assert "nan" not in text.replace("nano", "")
    assert show_errors(errors).to_html() == show_errors(errors).to_html()
    assert "1 of 2 errors" in show_errors(errors, most=1).to_html()
    assert describe_error({**errors.iloc[0], "cause": ""}).startswith(f"missed (fn): {BIG} – {NEXT}")
