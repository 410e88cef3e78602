"""Synapses as points: CREMI annotations and tables of every schema, exact and refused where they are wrong."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectograph import Annotations, InputError, Volume, read_annotations, read_points, write_annotations
from connectograph.io import read_volume, write_volume
from connectograph.io.edges import read_edges
from connectograph.io.points import is_point_table
from connectograph.tables import SCHEMAS

CAVE = Path(__file__).resolve().parents[2] / "shared" / "data" / "cave_tables"
PRE, POST = "presynaptic_site", "postsynaptic_site"
HUGE = 2**64 - 3


def sites(**changes):
    """A polyadic synapse 3 -> 8, 9, and a site without a partner."""
    given = {
        "ids": [3, 8, 9, HUGE],
        "types": [PRE, POST, POST, PRE],
        "locations": [(40, 4, 4), (40, 4, 8.5), (40, 8, 4), (0, 0, 0)],
        "partners": [(3, 8), (3, 9)],
    }
    return Annotations(**{**given, **changes})


def same(a, b):
    arrays = ("ids", "types", "locations", "partners")
    return (
        all(np.array_equal(getattr(a, k), getattr(b, k)) for k in arrays)
        and (a.offset, dict(a.comments)) == (b.offset, dict(b.comments))
    )  # fmt: skip


def test_annotations_come_back_as_they_were_written(tmp_path):
    written = sites(offset=(1520.0, -12.5, 0.25), comments={8: "unsicher, µ", HUGE: ""})
    write_annotations(tmp_path / "a.hdf", written)
    read = read_annotations(tmp_path / "a.hdf")
    assert same(read, written)
    assert read.positions[1].tolist() == [1560.0, -8.5, 8.75]
    with h5py.File(tmp_path / "a.hdf") as file:
        assert file.attrs["file_format"] == "0.2"
        assert file["annotations/ids"].dtype == np.uint64
        assert file["annotations/types"].asstr()[0] == PRE
        assert file["annotations/locations"].dtype == np.float64
        assert file["annotations/presynaptic_site/partners"].shape == (2, 2)
        assert file["annotations/comments/target_ids"][:].tolist() == [8, HUGE]


@settings(max_examples=25, deadline=None)
@given(
    ids=st.lists(st.integers(0, 2**64 - 1), max_size=8, unique=True),
    offset=st.tuples(*[st.floats(-1e6, 1e6)] * 3),
    data=st.data(),
)
def test_any_annotations_come_back(tmp_path_factory, ids, offset, data):
    half = len(ids) // 2
    pairs = [(a, b) for a in ids[:half] for b in ids[half:]]
    written = Annotations(
        ids,
        [PRE] * half + [POST] * (len(ids) - half),
        [data.draw(st.tuples(*[st.floats(-1e9, 1e9)] * 3)) for _ in ids],
        data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else [],
        offset,
    )
    file = tmp_path_factory.mktemp("annotations") / "a.hdf"
    write_annotations(file, written)
    assert same(read_annotations(file), written)


def test_annotations_join_a_file_with_volumes_and_replace_only_when_told(tmp_path):
    file = tmp_path / "a.hdf"
    write_volume(file, Volume(np.ones((2, 3, 4), "uint64"), voxel_size=(40, 5, 4)))
    write_annotations(file, sites())
    with pytest.raises(InputError, match="holds annotations already"):
        write_annotations(file, sites())
    write_annotations(file, sites(partners=[(3, 9)]), overwrite=True)
    assert read_annotations(file).partners.tolist() == [[3, 9]]
    assert read_volume(file).shape == (2, 3, 4)


def test_annotations_without_offset_and_with_fixed_width_types(tmp_path):
    with h5py.File(tmp_path / "a.hdf", "w") as file:
        file["annotations/ids"] = np.array([1, 2], np.int32)
        file["annotations/types"] = np.array([PRE, POST], "S20")
        file["annotations/locations"] = np.zeros((2, 3), np.float32)
        file["annotations/presynaptic_site/partners"] = np.array([[1, 2]], np.int64)
    read = read_annotations(tmp_path / "a.hdf")
    assert read.offset == (0.0, 0.0, 0.0)
    assert read.types.tolist() == [PRE, POST]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ids": [3.0, 8.0, 9.0, 1.0]}, "3.0 is no id"),
        ({"ids": [3, 8, 9, 3]}, "site id 3 occurs 2 times"),
        ({"ids": [3, 8, 9, -1]}, "-1 is no id"),
        ({"types": [PRE, POST, "synapse", PRE]}, "site 9 is of type 'synapse'; expected 'presynaptic_site'"),
        ({"types": [PRE, POST]}, "4 ids but 2 types"),
        ({"locations": [(0, 0)] * 4}, r"expected \(4, 3\) numbers"),
        ({"locations": [(0, 0, 0)] * 3 + [(0, np.nan, 0)]}, "row 4"),
        ({"partners": [(3, 8), (3, 77)]}, "row 2: 77 should be a postsynaptic_site but is not among the ids"),
        ({"partners": [(8, 3)]}, "8 should be a presynaptic_site but is of the other type"),
        ({"partners": [(3, 8), (3, 8)]}, r"pair \[3, 8\] occurs twice"),
        ({"partners": [3, 8]}, "shape"),
        ({"offset": (0, 0)}, "offset"),
    ],
)
def test_wrong_annotations_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        sites(**changes)


def test_ids_in_a_file_that_are_floats_are_refused(tmp_path):
    write_annotations(tmp_path / "a.hdf", sites())
    with h5py.File(tmp_path / "a.hdf", "a") as file:
        ids = file["annotations/ids"][:].astype(float)
        del file["annotations/ids"]
        file["annotations/ids"] = ids
    with pytest.raises(InputError, match="type float64; expected integers"):
        read_annotations(tmp_path / "a.hdf")


def test_files_without_annotations_or_with_half_of_them_are_refused(tmp_path):
    with h5py.File(tmp_path / "none.hdf", "w") as file:
        file["volumes/raw"] = np.zeros((2, 2, 2))
    with h5py.File(tmp_path / "half.hdf", "w") as file:
        file["annotations/ids"] = np.array([1], np.uint64)
    with pytest.raises(InputError, match="has no annotations"):
        read_annotations(tmp_path / "none.hdf")
    with pytest.raises(InputError, match="lacks annotations/types, annotations/locations"):
        read_annotations(tmp_path / "half.hdf")


def test_points_of_annotations_are_their_pairs_in_nm():
    points = read_points(sites(offset=(100.0, 0.0, 0.0)))
    table = points.table
    assert table[["synapse_id", "pre_site_id", "post_site_id"]].to_numpy().tolist() == [[1, 3, 8], [2, 3, 9]]
    assert table[["pre_z_nm", "post_z_nm", "post_x_nm"]].to_numpy().tolist() == [[140, 140, 8.5], [140, 140, 4]]
    assert table["x_nm"].tolist() == [6.25, 4.0]
    assert points.lone_sites.tolist() == [HUGE]
    assert (points.has_positions, points.has_segments) == (True, False)


A, B = 864691136040432126, HUGE
ROWS = {
    "plain": {
        "pre_segment": [A, A], "post_segment": [B, 5], "score": [0.5, 1.0], "synapse_id": [7, 4],
        **{f"{end}_{axis}_nm": [1.5, 2.5] for end in ("pre", "post") for axis in "zyx"},
    },
    "CAVE": {
        "id": [7, 4], "pre_pt_root_id": [A, A], "post_pt_root_id": [B, 5],
        **{f"{end}_pt_position_{axis}": [1, 2] for end in ("pre", "post") for axis in "xyz"},
    },
    "neuPrint": {
        "bodyId_pre": [A, A], "bodyId_post": [B, 5], "confidence_post": [0.5, 1.0],
        **{f"{axis}_{end}": [1, 2] for end in ("pre", "post") for axis in "xyz"},
    },
    "synful": {
        "id": [7, 4], "segmentid_pre": [A, A], "segmentid_post": [B, 5], "scores": [0.5, 1.0],
        **{f"{end}_{axis}": [1, 2] for end in ("pre", "post") for axis in "xyz"},
    },
}  # fmt: skip


def frame(columns):
    ids = ("segment", "root_id", "bodyid", "segmentid")
    return pd.DataFrame(
        {
            name: pd.Series(values, dtype="uint64") if any(word in name.lower() for word in ids) else values
            for name, values in columns.items()
        }
    )


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".feather"])
@pytest.mark.parametrize("schema", ROWS)
def test_tables_of_every_schema_and_format(schema, suffix, tmp_path):
    table, file = frame(ROWS[schema]), tmp_path / f"points{suffix}"
    getattr(table, {".csv": "to_csv", ".parquet": "to_parquet", ".feather": "to_feather"}[suffix])(
        file, **({"index": False} if suffix != ".feather" else {})
    )
    for source in (file, table):
        points = read_points(source, resolution=(40.0, 4.0, 8.0))
        read = points.table
        assert (points.has_positions, points.has_segments) == (True, True)
        assert read.dtypes.astype(str).to_dict() == SCHEMAS["synapse_points"]
        by_id = [4, 7] if schema != "neuPrint" else [1, 2]
        assert read["synapse_id"].tolist() == by_id
        first = 0 if schema == "neuPrint" else 1
        assert read["post_segment"].tolist() == [[B, 5], [5, B]][first]
        assert read["pre_segment"].tolist() == [A, A]
        unit = {"plain": (1.0, 1.0, 1.0), "synful": (1.0, 1.0, 1.0)}.get(schema, (40.0, 4.0, 8.0))
        value = ([2.5, 1.5] if schema == "plain" else [2, 1])[1 - first]
        assert read.loc[0, ["pre_z_nm", "pre_y_nm", "post_x_nm"]].tolist() == [value * u for u in unit]
        if schema != "CAVE":
            assert read["score"].tolist() == [[0.5, 1.0], [1.0, 0.5]][first]
        assert read_edges(file, directed=True).edges["n_synapses"].tolist() == [1, 1]


def test_lists_of_positions_are_x_y_z(tmp_path):
    table = pd.DataFrame({"pre_pt_position": [[1, 2, 3]], "post_pt_position": [[4, 5, 6]]})
    read = read_points(table, resolution=(40, 4, 4)).table
    assert read.loc[0, ["pre_z_nm", "pre_y_nm", "pre_x_nm", "post_z_nm"]].tolist() == [120, 8, 4, 240]


def test_the_same_presynaptic_point_is_one_site():
    table = frame({**ROWS["synful"], "pre_x": [1, 1], "pre_y": [1, 1], "pre_z": [1, 1]})
    assert read_points(table).table["pre_site_id"].tolist() == [4, 4]
    assert read_points(table.assign(pre_site_id=[9, 8])).table["pre_site_id"].tolist() == [8, 9]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns=["pre_segment", "pre_z_nm"]), "belong|counterparts are missing"),
        (lambda t: t[["score"]], "has the columns score; expected a presynaptic and a postsynaptic"),
        (lambda t: t.assign(pre_segment=[1.0, 2.0]), "'pre_segment', row 1: 1.0 .* never floats"),
        (lambda t: t.assign(synapse_id=[4, 4]), "row 2: 4 occurs again"),
        (lambda t: t.assign(post_x_nm=[1.0, np.nan]), "row 2: a coordinate is missing"),
        (lambda t: t.assign(post_x_nm=["1", "left"]), "'post_x_nm', row 2: 'left' found"),
        (lambda t: t.assign(pre_segment=[-1, 2]), "row 1: -1 found"),
    ],
)
def test_wrong_tables_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        read_points(change(frame(ROWS["plain"])))


def test_positions_of_unknown_unit_are_refused_or_left_out():
    cave = frame(ROWS["CAVE"])
    assert not read_points(cave).has_positions
    with pytest.raises(InputError, match="--point-resolution"):
        read_points(cave.drop(columns=["pre_pt_root_id", "post_pt_root_id"]))
    with pytest.raises(InputError, match=r"row 1: .*expected"):
        read_points(pd.DataFrame({"pre_pt_position": [[1, 2]], "post_pt_position": [[4, 5, 6]]}), resolution=(1, 1, 1))
    with pytest.raises(InputError, match="expected lists"):
        read_points(pd.DataFrame({"pre_pt_position": [1], "post_pt_position": [4]}), resolution=(1, 1, 1))
    with pytest.raises(TypeError, match="found int"):
        read_points(7)


def test_empty_tables_and_annotations_are_valid():
    assert len(read_points(frame(ROWS["synful"]).iloc[:0]).table) == 0
    assert len(read_points(Annotations([], [], [], [])).table) == 0
    assert not is_point_table({"source", "target", "n_synapses"})


@pytest.mark.skipif(not CAVE.exists(), reason="the shared data are not here")
@pytest.mark.parametrize("name", ["pre_syn", "post_syn"])
def test_real_cave_tables_keep_every_id(name):
    from pyarrow import feather

    stored = feather.read_table(CAVE / f"{name}.feather").to_pydict()
    points = read_points(CAVE / f"{name}.feather", resolution=(40.0, 4.0, 4.0))
    order = np.argsort(stored["id"], kind="stable")
    read = points.table
    assert read["synapse_id"].tolist() == [stored["id"][row] for row in order]
    for end in ("pre", "post"):
        assert read[f"{end}_segment"].tolist() == [stored[f"{end}_pt_root_id"][row] for row in order]
        for axis, name_nm, unit in ((0, f"{end}_x_nm", 4), (1, f"{end}_y_nm", 4), (2, f"{end}_z_nm", 40)):
            assert read[name_nm].tolist() == [stored[f"{end}_pt_position"][row][axis] * unit for row in order]
    assert int(read["pre_segment"].max()) > 2**53
    pairs = {(a, b) for a, b in zip(stored["pre_pt_root_id"], stored["post_pt_root_id"], strict=True)}
    edges = read_edges(CAVE / f"{name}.feather", directed=True).edges
    assert set(zip(edges["source"].tolist(), edges["target"].tolist(), strict=True)) == pairs
    assert edges["n_synapses"].sum() == len(order)
