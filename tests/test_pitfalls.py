"""Faults of the reference laboratory pipeline that connectograph must not have: one test for each.

The numbers S01 to S34 are those of the project's list of pitfalls; S19 to S21, S26, S27, S30 and S33 are about running
time, notebooks and packaging, and leave nothing to test here.
"""

from __future__ import annotations

import io
import json
import lzma
import os
import pickle
import tracemalloc

import networkx as nx
import numpy as np
import pytest
import tifffile

import connectograph as cg
from connectograph.segments import clean_segments, kept_ids, measure_segments, split_segments

LAST, IGNORE = 2**64 - 1, 2**64 - 2


def outcome(ev):
    return ev.edges.tp, ev.edges.fp, ev.edges.fn


def edges_in(table):
    return [tuple(row) for row in zip(table["source"].tolist(), table["target"].tolist(), strict=True)]


def synapses_on_one_pair(count):
    """Neurons 1 and 2 face each other along y; every other place holds a synapse."""
    segmentation, truth = np.zeros((1, 2 * count, 2), "u8"), np.zeros((1, 2 * count, 2), "u8")
    segmentation[..., 0], segmentation[..., 1] = 1, 2
    truth[0, ::2, 0] = np.arange(1, count + 1)
    return segmentation, truth


@pytest.mark.parametrize("count", [255, 256, 257, 70_000])
def test_pitfall_S01(evaluate, count):
    """Counts of synapses do not wrap at a byte."""
    segmentation, truth = synapses_on_one_pair(count)
    ev = evaluate(segmentation, truth, truth)
    assert ev.tables["edges_truth"]["n_synapses"].tolist() == [count]
    assert ev.truth_graph.edges[1, 2]["n_synapses"] == count
    assert cg.adjacency(ev.tables["edges_truth"], np.array([1, 2], "u8")).toarray().tolist() == [[0, count], [count, 0]]
    assert (outcome(ev), ev.edges.f1) == ((1, 0, 0), 1.0)


def test_pitfall_S02(evaluate, two_neurons):
    """No volume needs to contain its background."""
    n, c, p = two_neurons.values()
    dense = np.where(n == 0, np.uint64(30), n)
    assert evaluate(dense, c, p).report["nodes"]["n_segments"] == 3
    assert outcome(evaluate(dense, c, p)) == (1, 0, 0)
    # a cleft that fills the volume touches both, and so does a whole prediction
    assert outcome(evaluate(n, np.full_like(n, 5), np.full_like(n, 9))) == (1, 0, 0)
    assert outcome(evaluate(n, c, p, min_segment_voxels=60)) == (1, 0, 0)
    assert outcome(evaluate(n, c, np.where(p == 1, 1, LAST).astype("u8"))) == (1, 0, 0)
    heat = np.where(p == 1, 0.9, np.nan)
    assert outcome(evaluate(n, c, heat, threshold=0.5)) == (1, 0, 0)


def test_pitfall_S03(evaluate, two_neurons):
    """Nothing to find is a result, not an error, and undefined is not 0."""
    n, c, p = two_neurons.values()
    nothing = np.zeros_like(n)
    neither = evaluate(n, nothing, nothing).report["edges"]
    assert [neither[key] for key in ("precision", "recall", "f1")] == [None] * 3
    no_truth = evaluate(n, nothing, p).report["edges"]
    assert [no_truth[key] for key in ("precision", "recall", "f1")] == [0.0, None, 0.0]
    no_prediction = evaluate(n, c, nothing).report["edges"]
    assert [no_prediction[key] for key in ("precision", "recall", "f1")] == [None, 0.0, 0.0]
    alone = evaluate(np.where(n == 10, n, 0), c, p)
    assert outcome(alone) == (0, 0, 0)
    assert alone.tables["synapses_truth"]["unattached_reason"].tolist() == ["one_segment"]
    outside = np.zeros_like(n)
    outside[0, 0, 7] = 1
    assert evaluate(n, c, outside).tables["synapses_predicted"]["unattached_reason"].tolist() == ["one_segment"]
    gap = np.where((n == 10) & (np.arange(8) == 3), 0, n)
    in_the_gap = np.zeros_like(n)
    in_the_gap[1, 3, 3] = 5
    assert outcome(evaluate(gap, in_the_gap, in_the_gap, dilation=0)) == (0, 0, 0)
    assert evaluate(gap, in_the_gap, in_the_gap, dilation=0).report["excluded"]["truth_synapses_unattached"] == 1


def test_pitfall_S04(evaluate, two_neurons):
    """Excluding an id that is not there, or background, changes nothing, and is said."""
    ev = evaluate(*two_neurons.values(), exclude_segments=[999, 0])
    assert (outcome(ev), ev.report["excluded"]["segments_listed"]) == ((1, 0, 0), 0)
    assert any("999" in notice for notice in ev.report["notices"])


@pytest.mark.parametrize("background", [LAST, IGNORE])
def test_pitfall_S05(evaluate, two_neurons, background):
    """Neither sentinel is a neuron."""
    n, c, p = two_neurons.values()
    ev = evaluate(np.where(n == 20, np.uint64(background), n), c, p)
    assert ev.tables["segments"]["segment_id"].tolist() == [10]
    assert (outcome(ev), list(ev.truth_graph.edges)) == ((0, 0, 0), [])


def test_pitfall_S06(evaluate, two_neurons):
    """CREMI's ignore value is no synapse, and what is predicted there counts for nobody."""
    n, c, p = two_neurons.values()
    ignoring = np.where(c == 5, np.uint64(IGNORE), c)
    ev = evaluate(n, ignoring, p * 9)
    assert len(ev.tables["synapses_truth"]) == len(ev.tables["synapses_predicted"]) == 0
    assert (outcome(ev), ev.edges.f1 == 1.0) == ((0, 0, 0), False)
    assert (ev.report["excluded"]["ignored_voxels"], ev.report["excluded"]["ignored_synapses"]) == (4, 1)
    assert len(evaluate(n, c, np.where(p == 1, np.uint64(IGNORE), 0)).tables["synapses_predicted"]) == 0


def test_pitfall_S07(evaluate, two_neurons):
    """A prediction of another shape is refused at once, with both shapes and what would fit."""
    n, c, p = two_neurons.values()
    with pytest.raises(cg.InputError, match=r"\(2, 8, 8\).*\(3, 8, 8\).*smaller.*crop"):
        evaluate(n, c, p[:2])
    with pytest.raises(cg.InputError, match=r"\(4, 8, 8\).*larger.*crop"):
        evaluate(n, c, np.pad(p, ((0, 1), (0, 0), (0, 0))))
    with pytest.raises(cg.InputError, match=r"\(8, 8, 3\).*--axes xyz"):
        evaluate(n, c, p.transpose())
    with pytest.raises(cg.InputError, match=r"\(8, 8, 3\).*--axes xyz"):
        evaluate(n, c.transpose(), p)


def test_pitfall_S08(evaluate, two_neurons):
    """Fractions and negative numbers are no ids; whole floats and booleans are read for what they are."""
    n, c, p = two_neurons.values()
    with pytest.raises(cg.InputError, match=r"1\.5 at voxel \(1, 3, 3\).*--threshold"):
        evaluate(n, c, p * 1.5)
    with pytest.raises(cg.InputError, match=r"negative ids: 4 .*-1 at voxel \(1, 3, 3\)"):
        evaluate(n, c, -p.astype("i8"))
    with pytest.raises(cg.InputError, match="negative ids"):
        evaluate(-n.astype("i8"), c, p)
    assert outcome(evaluate(n, c, p.astype(bool))) == (1, 0, 0)
    floats = evaluate(n.astype("f8"), np.where(c == 5, 5.0, 0.0), p.astype("f4"))
    assert outcome(floats) == (1, 0, 0)
    assert any("float32" in notice for notice in floats.report["notices"])


def test_pitfall_S09(evaluate):
    """A true synapse that joins nobody is counted, named, and missed in the strict score."""
    segmentation, truth = np.zeros((1, 1, 16), "u8"), np.zeros((1, 1, 16), "u8")
    segmentation[0, 0, :4], segmentation[0, 0, 4:8], segmentation[0, 0, 12:] = 1, 2, 3
    truth[0, 0, 3:5] = 50
    truth[0, 0, 7:13] = 60  # spans a gap of four voxels
    ev = evaluate(segmentation, truth, np.where(truth == 50, truth, 0))
    assert (outcome(ev), ev.edges.recall) == ((1, 0, 0), 1.0)
    assert ev.report["excluded"]["truth_synapses_unattached"] == 1
    assert ev.tables["synapses_truth"]["unattached_reason"].tolist() == ["", "no_common_voxel"]
    assert (ev.strict.tp, ev.strict.fp, ev.strict.fn, ev.strict.recall) == (1, 0, 1, 0.5)


def test_pitfall_S10(evaluate, two_neurons):
    """True connections lost to the size limit are counted, and missed in the strict score."""
    n, c, p = two_neurons.values()
    n[0, 0, 7], c[0, 0, 6:8] = 70, 6  # a fragment of one voxel with a synapse that is not predicted
    ev = evaluate(n, c, p, min_segment_voxels=5)
    excluded = ev.report["excluded"]
    assert (outcome(ev), ev.edges.f1) == ((1, 0, 0), 1.0)
    assert (excluded["segments_below_size"], excluded["truth_pairs_filtered"]) == (1, 1)
    assert ev.tables["synapses_truth"]["unattached_reason"].tolist() == ["", "partner_filtered"]
    assert "1 segment below the size limit" in ev.report["verdict"]
    assert ev.strict.recall == 0.5


def test_pitfall_S11(evaluate):
    """The score is one of pairs, wherever they meet: each side's place is in its own table, to be compared."""
    segmentation, truth = np.zeros((1, 60, 4), "u8"), np.zeros((1, 60, 4), "u8")
    segmentation[..., :2], segmentation[..., 2:] = 1, 2
    predicted = truth.copy()
    truth[0, 4, 1:3], predicted[0, 48, 1:3] = 5, 9
    ev = evaluate(segmentation, truth, predicted)
    assert outcome(ev) == (1, 0, 0)
    places = [
        ev.tables[f"{table}_{side}"]["y_nm"].item()
        for table in ("synapses", "edges")
        for side in ("truth", "predicted")
    ]
    assert places == [18.0, 194.0, 18.0, 194.0]
    assert ev.edge_outcomes["y_nm"].item() == 18.0


def test_pitfall_S12(evaluate):
    """One voxel of noise makes a false edge; two options take it out, and say so."""
    segmentation = np.repeat(np.array([[[1, 1, 2, 2, 3, 3]]], "u8"), 2, axis=1)
    truth, noisy = np.zeros((1, 2, 6), "u8"), np.zeros((1, 2, 6), "u8")
    truth[0, :, 1:3] = 5
    noisy[0, :, 1:3], noisy[0, 0, 4] = 7, 8
    assert outcome(evaluate(segmentation, truth, noisy)) == (1, 1, 0)
    by_synapse = evaluate(segmentation, truth, noisy, min_synapse_voxels=2)
    assert outcome(by_synapse) == (1, 0, 0)
    assert by_synapse.report["excluded"]["predicted_synapses_below_size"] == 1
    by_contact = evaluate(segmentation, truth, noisy, min_contact_voxels=2)
    assert outcome(by_contact) == (1, 0, 0)
    assert by_contact.tables["synapses_predicted"]["unattached_reason"].tolist() == ["", "below_contact"]


def test_pitfall_S13(evaluate):
    """Which pairs of a synapse with three partners are links is a rule, and that it has three is said."""
    segmentation = np.array([[[1, 1, 1, 2, 2, 2]], [[3, 3, 3, 3, 3, 2]]], "u8")
    truth = np.zeros((2, 1, 6), "u8")
    truth[0, 0, 2:5] = 5
    every = evaluate(segmentation, truth, truth)
    assert edges_in(every.tables["edges_truth"]) == [(1, 2), (1, 3), (2, 3)]
    assert every.report["synapses"]["pairs_per_synapse_truth"] == {"0": 0, "3": 1}
    assert every.report["edges"]["directed"] is False
    top = evaluate(segmentation, truth, truth, partner_rule="top-pair")
    # two voxels lie near all three neurons, the third near 2 and 3 only
    assert edges_in(top.tables["links_truth"]) == [(2, 3)]
    assert top.report["settings"]["partner_rule"] == "top-pair"


def test_pitfall_S14(evaluate):
    """One of fifty synapses on a pair finds the edge; the numbers of both sides stand beside it."""
    segmentation, truth = synapses_on_one_pair(50)
    ev = evaluate(segmentation, truth, np.where(truth == 7, truth, 0))
    assert outcome(ev) == (1, 0, 0)
    row = ev.edge_outcomes.loc[0]
    assert (row["n_synapses_truth"], row["n_synapses_predicted"]) == (50, 1)
    strong = cg.compare_edges(ev.tables["edges_truth"], ev.tables["edges_predicted"], threshold=2)
    assert (strong.tp, strong.fp, strong.fn) == (0, 0, 1)


def test_pitfall_S15(evaluate, two_neurons, tmp_path):
    """Nothing of an earlier run is left to be taken for this one's."""
    n, c, p = two_neurons.values()
    evaluate(n, c, p).write(tmp_path / "run", reports=False)
    without = evaluate(n, c)
    with pytest.raises(cg.InputError, match=r"already holds a run.*--overwrite"):
        without.write(tmp_path / "run", reports=False)
    without.write(tmp_path / "run", overwrite=True, reports=False)
    left = [file for file in (tmp_path / "run").rglob("*") if "predicted" in file.name]
    assert left == []
    report = json.loads((tmp_path / "run" / "report.json").read_bytes())
    assert (report["edges"], report["edges_reason"]) == (None, "no prediction was given")


def test_pitfall_S16(evaluate, two_neurons, tmp_path):
    """Files that are not ours are never touched, and two runs never share a folder."""
    from connectograph.io.runs import open_run

    out = tmp_path / "run"
    for name in ("notes.txt", "tables/mine.csv", "contact_crops/1_2.xz", "figures/own.png"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(name)
    ev = evaluate(*two_neurons.values())
    ev.write(out, reports=False)
    ev.write(out, overwrite=True, reports=False)
    for name in ("notes.txt", "tables/mine.csv", "contact_crops/1_2.xz", "figures/own.png"):
        assert (out / name).read_text() == name
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.json").write_text("{}")
    with pytest.raises(cg.InputError, match=r"report\.json"):
        ev.write(tmp_path / "mine", overwrite=True, reports=False)
    with open_run(tmp_path / "other"), pytest.raises(cg.InputError, match="in use"):
        ev.write(tmp_path / "other", reports=False)


def test_pitfall_S17(evaluate, tmp_path):
    """The score does not go through a picture: more neurons than an image has room for."""
    segmentation = np.arange(1, 14_001, dtype="u8").reshape(1, 100, 140)
    truth = np.zeros_like(segmentation)
    truth[0, 0, 0] = truth[0, 0, 2] = 5
    ev = evaluate(segmentation, truth, truth)
    ev.write(tmp_path / "run", reports=False)
    report = json.loads((tmp_path / "run" / "report.json").read_bytes())
    assert report["nodes"]["n_segments"] == 14_000
    assert report["edges"]["tp"] == len(ev.tables["edges_truth"]) > 0
    assert (tmp_path / "run" / "adjacency" / "truth.npz").stat().st_size < 1_000_000


def test_pitfall_S18():
    """Adjacency is sparse and its weights are whole numbers, however many neurons there are."""
    nodes = np.arange(1, 37_367, dtype="u8")
    edges = cg.edges_of(nx.Graph([(1, 37_366, {"n_synapses": 300})]))
    tracemalloc.start()
    matrix = cg.adjacency(edges, nodes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (matrix.shape, matrix.nnz, matrix.sum(), matrix.dtype) == ((37_366, 37_366), 2, 600, np.int64)
    assert peak < 10_000_000


def along_x(*parts):
    return np.concatenate([np.full(n, i, "u8") for i, n in parts])[None, None]


def split(array, **options):
    volume, pieces = split_segments(cg.Volume(array, (40, 4, 4)), **options)
    table = measure_segments(volume)
    return dict(zip(table["segment_id"].tolist(), table["n_voxels"].tolist(), strict=True)), pieces


def test_pitfall_S22():
    """Numbers of components are not ids: no neuron is erased by a split, none is fused with another."""
    sizes, _ = split(along_x((2, 20), (0, 1), (2, 1)))
    assert sizes == {2: 20}
    sizes, _ = split(along_x((1, 10), (0, 1), (1, 18), (0, 1), (1, 20), (0, 1), (3, 4)))
    assert sizes == {1: 20, 2: 18, 4: 10, 3: 4}


def test_pitfall_S23(evaluate):
    """Ids pass through no float and no 32 bits."""
    for a, b in ((2**53, 2**53 + 1), (5, 2**32 + 5), (2**63, 2**63 + 1), (2**64 - 4, 2**64 - 3)):
        sizes, _ = split(along_x((a, 5), (b, 6), (a, 4)), min_split_fraction=1.0)
        assert sizes == {a: 5, b: 6}
        truth = along_x((0, 4), (b, 2), (0, 5), (a, 2), (0, 2))
        ev = evaluate(along_x((a, 5), (b, 6), (a, 4)), truth, truth)
        assert sorted(ev.tables["synapses_truth"]["synapse_id"].tolist()) == [a, b]
        assert edges_in(ev.edge_outcomes) == [(a, b)]
        assert sorted(ev.truth_graph) == [a, b]


def test_pitfall_S24():
    """New ids never repeat, whoever makes them."""
    rng = np.random.default_rng(0)
    array = np.zeros((20, 40, 60), "u8")
    array[::2, ::2, ::2] = rng.integers(101, 110, (10, 20, 30))
    for workers in (1, 2):
        sizes, pieces = split(array, min_split_fraction=0.0, workers=workers)
        assert len(sizes) == np.count_nonzero(array) == 6000
        assert pieces["segment_id"].is_unique
        assert set(sizes.values()) == {1}


def test_pitfall_S25():
    """One worker and several follow the same rule: the size limit applies to pieces, and equal is enough."""
    array = along_x((7, 50), (0, 1), (7, 10), (0, 1), (7, 9), (0, 230))
    for workers in (1, 2):
        sizes, pieces = split(array, min_segment_voxels=10, workers=workers)
        assert sizes == {7: 50, 1: 10}
        assert pieces["segment_id"].tolist() == [1, 0]


def test_pitfall_S28(evaluate):
    """Dilation 0 dilates nothing, not even a little."""
    segmentation = np.array([[[1, 2, 1, 2]], [[2, 1, 2, 1]]], "u8")
    everywhere = np.full_like(segmentation, 5)
    ev = evaluate(segmentation, everywhere, everywhere, dilation=0)
    assert len(ev.tables["synapse_contacts_truth"]) == 0
    assert ev.tables["synapses_truth"]["unattached_reason"].tolist() == ["no_common_voxel"]
    assert outcome(evaluate(segmentation, everywhere, everywhere, dilation_nm=0.0)) == (0, 0, 0)


def test_pitfall_S29(evaluate, two_neurons, tmp_path):
    """Voxel size and offset are read, used and compared."""
    n, c, p = two_neurons.values()
    file = tmp_path / "cremi.hdf"
    cg.write_volume(file, cg.Volume(n, (40, 4, 4), (80, 0, 0)), dataset="volumes/labels/neuron_ids")
    cg.write_volume(file, cg.Volume(c, (40, 4, 4), (80, 0, 0)), dataset="volumes/labels/clefts")
    ev = cg.evaluate(file, predicted=cg.Volume(p, (40, 4, 4), (80, 0, 0)))
    assert ev.tables["synapses_truth"][["z_nm", "volume_nm3"]].to_numpy().tolist() == [[80 + 60.0, 4 * 640.0]]
    assert ev.report["inputs"]["segmentation"]["voxel_size_nm"] == [40.0, 4.0, 4.0]
    with pytest.raises(cg.InputError, match=r"offset \(0.0, 0.0, 0.0\).*\(80.0, 0.0, 0.0\)"):
        cg.evaluate(file, predicted=cg.Volume(p, (40, 4, 4)))
    with pytest.raises(cg.InputError, match=r"voxel size \(4.0, 4.0, 40.0\).*\(40.0, 4.0, 4.0\)"):
        cg.evaluate(file, predicted=cg.Volume(p, (4, 4, 40), (80, 0, 0)))
    np.save(tmp_path / "n.npy", n)
    with pytest.raises(cg.InputError, match="--voxel-size"):
        cg.evaluate(tmp_path / "n.npy", truth=file)
    # 4 nm reach the next voxel in the plane, not in depth: a gap in z stays one
    layers = np.stack([np.full((8, 8), 10), np.zeros((8, 8)), np.full((8, 8), 20)]).astype("u8")
    assert outcome(evaluate(layers, c, p, dilation_nm=4.0)) == (0, 0, 0)
    assert outcome(evaluate(layers, c, p, dilation_nm=40.0)) == (1, 0, 0)


def test_pitfall_S31(two_neurons, tmp_path):
    """A TIFF of three sections is a stack, not a colour picture, and comes back as it went."""
    volume = cg.Volume(two_neurons["segmentation"].astype("u2"), (40, 4, 4))
    cg.write_volume(tmp_path / "n.tif", volume)
    again = cg.read_volume(tmp_path / "n.tif", voxel_size=(40, 4, 4))
    assert np.array_equal(again.labels[:, :, :], volume.labels)
    with tifffile.TiffFile(tmp_path / "n.tif") as file:
        assert [page.photometric.name for page in file.pages] == ["MINISBLACK"] * 3


class Payload:
    """What a malicious pickle asks for."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(6))
def test_pitfall_S32(evaluate, two_neurons, tmp_path, protocol):
    """A pickle is read as an array or not at all; nothing that it asks for is done."""
    mark = tmp_path / "mark"
    file = tmp_path / "pred.xz"
    with lzma.open(file, "w") as stream:
        pickle.dump(Payload(mark), stream, protocol=protocol)
    with pytest.raises(cg.InputError, match=r"(?s)refused.*system.*"):
        cg.read_volume(file, voxel_size=(40, 4, 4))
    assert not mark.exists()
    with lzma.open(file, "w") as stream:
        pickle.dump(two_neurons["predicted"].astype("u2"), stream, protocol=protocol)
    predicted = cg.read_volume(file, voxel_size=(40, 4, 4))
    n, c, _ = two_neurons.values()
    ev = cg.evaluate(cg.Volume(n, (40, 4, 4)), truth=cg.Volume(c, (40, 4, 4)), predicted=predicted)
    assert outcome(ev) == (1, 0, 0)


def test_pitfall_S32_more_declared_than_there_can_be(tmp_path):
    """A small file that declares a huge array is refused before anything is made for it."""
    buffer = io.BytesIO()
    pickle.dump(np.zeros((2, 2, 2), "u2"), buffer, protocol=2)
    huge = pickle.dumps(np.broadcast_to(np.zeros((), "u2"), (1, 1, 1)), protocol=2)
    # the shape (1, 1, 1) appears as three BININT1; make the first of them 2^31 - 1 sections
    shape = b"K\x01K\x01K\x01\x87"
    assert shape in huge
    with lzma.open(tmp_path / "pred.xz", "w") as stream:
        stream.write(huge.replace(shape, b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7fK\x01\x87"))
    tracemalloc.start()
    with pytest.raises(cg.InputError, match=r"pred\.xz"):
        cg.read_volume(tmp_path / "pred.xz", voxel_size=(40, 4, 4)).labels[:, :, :]
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


def test_pitfall_S34(evaluate, two_neurons):
    """Keeping nothing, or only what does not exist, gives an empty result."""
    n, c, p = two_neurons.values()
    volume = cg.Volume(n, (40, 4, 4))
    none = cg.select_segments(volume, exclude=[10, 20])
    assert len(kept_ids(none)) == 0
    assert not clean_segments(volume, none).labels[:, :, :].any()
    assert outcome(evaluate(n, c, p, exclude_segments=[10, 20])) == (0, 0, 0)
    all_small = evaluate(n, c, p, min_segment_voxels=10_000)
    assert (outcome(all_small), all_small.report["excluded"]["segments_below_size"]) == ((0, 0, 0), 2)
    assert all_small.report["nodes"]["n_segments"] == 0
