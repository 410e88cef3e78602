"""The contactome: against dilating every segment, against shifted arrays, against cc3d and the reference pipeline."""

from __future__ import annotations

import json
import math
from functools import partial
from itertools import combinations
from pathlib import Path

import h5py
import lazy
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import connectograph as cg
from connectograph._kernels.contactome import count_contacts, make_tile
from connectograph.blocks import open_engine
from connectograph.contacts import mark_contacts, mark_synapse_overlaps
from connectograph.contacts.contactome import plan_stencil
from connectograph.contacts.windows import map_windows
from connectograph.errors import InputError
from connectograph.volumes import BACKGROUND, IGNORE, Volume

SHARED = Path(__file__).resolve().parents[2] / "shared"
IDS = [0, 2**64 - 1, 2**64 - 2, 1, 2, 3, 2**53, 2**53 + 1, 2**63 - 1, 2**63 + 1, 2**64 - 3]
ZYX = (40.0, 4.0, 8.0)


# --- slow and obvious -----------------------------------------------------------------------------------------------


def real_ids(labels):
    return [i for i in np.unique(labels).tolist() if i not in (*BACKGROUND, IGNORE)]


def dilate(mask, offsets):
    """Voxels with a voxel of the mask at one of the offsets."""
    reach = abs(offsets).max(axis=0)
    structure = np.zeros(2 * reach + 1, bool)
    structure[tuple((offsets + reach).T)] = True
    return ndimage.binary_dilation(mask, structure)


def count_overlaps(labels, offsets):
    near = {i: dilate(labels == i, offsets) for i in real_ids(labels)}
    both = {(a, b): int((near[a] & near[b]).sum()) for a, b in combinations(sorted(near), 2)}
    return {pair: n for pair, n in both.items() if n}


def count_faces(labels):
    """Faces along z, y and x of each pair, from shifted arrays."""
    faces = {}
    for axis in range(3):
        before, after = np.delete(labels, -1, axis).ravel().tolist(), np.delete(labels, 0, axis).ravel().tolist()
        for a, b in zip(before, after, strict=True):
            if a != b and not {a, b} & {*BACKGROUND, IGNORE}:
                faces.setdefault((min(a, b), max(a, b)), [0, 0, 0])[axis] += 1
    return faces


def count_all(labels, offsets):
    """(a, b) -> faces along z, y, x; voxels of the overlap."""
    overlaps, faces = count_overlaps(labels, offsets), count_faces(labels)
    return {pair: (*faces.get(pair, (0, 0, 0)), overlaps.get(pair, 0)) for pair in {*overlaps, *faces}}


def mark_overlaps(labels, offsets, kept):
    return sum(dilate(labels == i, offsets).astype(int) for i in kept) >= 2 if kept else np.zeros(labels.shape, bool)


def as_rows(table):
    names = ["segment_a", "segment_b", "n_voxels", "n_faces"]
    return dict(
        zip(
            zip(table[names[0]], table[names[1]], strict=True),
            zip(table[names[2]], table[names[3]], strict=True),
            strict=True,
        )
    )


def expect_rows(counts):
    return {pair: (row[3], sum(row[:3])) for pair, row in counts.items()}


# --- random volumes -------------------------------------------------------------------------------------------------


@st.composite
def label_arrays(draw, most=(6, 7, 9), ids=IDS):
    shape = tuple(draw(st.integers(1, size)) for size in most)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    pool = draw(st.lists(st.sampled_from(ids), unique=True, min_size=1, max_size=6))
    grain = draw(st.sampled_from([(1, 1, 1), (1, 2, 3), (2, 3, 5)]))
    labels = rng.choice(
        np.array(pool, np.uint64), tuple(-(-size // step) for size, step in zip(shape, grain, strict=True))
    )
    for axis, step in enumerate(grain):
        labels = labels.repeat(step, axis)
    return np.ascontiguousarray(labels[tuple(slice(size) for size in shape)])


dilations = st.one_of(
    st.fixed_dictionaries({"dilation": st.integers(0, 4)}),
    st.fixed_dictionaries({"dilation_nm": st.sampled_from([0.0, 4.0, 8.0, 12.0, 40.0, 85.0])}),
)


def offsets_of(how):
    return cg.dilation_offsets(how.get("dilation"), how.get("dilation_nm"), ZYX)


@given(label_arrays(), dilations, st.integers(1, 2))
def test_rows_are_those_of_dilating_every_segment(labels, how, workers):
    table = cg.find_contacts(Volume(labels, ZYX), workers=workers, **how)
    counts = count_all(labels, offsets_of(how))
    assert as_rows(table) == expect_rows(counts)
    assert list(as_rows(table)) == sorted(counts)
    area = {pair: z * 4 * 8 + y * 40 * 8 + x * 40 * 4 for pair, (z, y, x, _) in counts.items()}
    assert dict(zip(as_rows(table), table["area_nm2"], strict=True)) == area


@given(label_arrays(most=(40, 5, 4)), dilations)
def test_many_planes(labels, how):
    assert as_rows(cg.find_contacts(Volume(labels, ZYX), **how)) == expect_rows(count_all(labels, offsets_of(how)))


@given(label_arrays(most=(3, 100, 4)), dilations)
def test_many_rows(labels, how):
    assert as_rows(cg.find_contacts(Volume(labels, ZYX), **how)) == expect_rows(count_all(labels, offsets_of(how)))


@given(label_arrays(most=(3, 4, 300)), dilations)
def test_long_rows(labels, how):
    assert as_rows(cg.find_contacts(Volume(labels, ZYX), **how)) == expect_rows(count_all(labels, offsets_of(how)))


@settings(max_examples=50)
@given(label_arrays(most=(40, 7, 9)), dilations, st.randoms(use_true_random=False), st.integers(1, 2))
def test_blocks_of_any_shape_in_any_order(labels, how, random, workers):
    cut = lazy.Shuffled(labels, lazy.cut_boxes(labels.shape, random), random)
    whole = cg.find_contacts(Volume(labels, ZYX), **how)
    assert cg.find_contacts(Volume(cut, ZYX), workers=workers, **how).equals(whole)


@given(
    label_arrays(ids=[0, 1, 2, 3, 200]),
    st.sampled_from(["?", "u1", ">u2", "<u4", "i1", ">i4", "f4", ">f8"]),
    st.booleans(),
)
def test_every_type_of_labels(labels, dtype, turned):
    stored = (labels > 1 if dtype == "?" else labels.clip(0, 100)).astype(dtype, order="F" if turned else "C")
    table = cg.find_contacts(Volume(stored, ZYX))
    assert as_rows(table) == expect_rows(count_all(stored.astype("u8"), offsets_of({"dilation": 1})))


def symmetric(half):
    half = np.array(half, np.int64).reshape(-1, 3)
    return np.unique(np.concatenate([half, -half, [[0, 0, 0]]]), axis=0)


def count_kernel(labels, offsets):
    """The kernel with any set of offsets."""
    stencil, tile = plan_stencil(offsets), None
    totals = {}

    def count(window, top, bottom):
        found, complete = count_contacts(
            window.rows, stencil, window.first, window.last, top, bottom, tile, np.empty((0, 0, 0), np.uint8)
        )
        assert complete
        return found

    tile = make_tile(stencil, 64)
    with open_engine(workers=1) as engine:
        for _, parts in map_windows(count, Volume(labels, ZYX), stencil, engine=engine):
            for a, b, *row in np.concatenate(parts).tolist():
                pair = tuple(sorted((a % 2**64, b % 2**64)))
                totals[pair] = tuple(map(sum, zip(totals.get(pair, (0, 0, 0, 0)), row, strict=True)))
    return totals


steps = st.tuples(st.integers(-3, 3), st.integers(-4, 4), st.integers(-9, 9))


@given(label_arrays(most=(5, 6, 30)), st.lists(steps, max_size=5).map(symmetric))
def test_any_symmetric_offsets_even_with_holes(labels, offsets):
    assert count_kernel(labels, offsets) == count_all(labels, offsets)


@given(label_arrays(most=(1, 2, 400)), st.sampled_from([15, 16, 17, 31, 32, 47, 48, 63, 64, 65, 100, 130]))
def test_offsets_longer_than_a_word(labels, reach):
    offsets = symmetric([(0, 0, dx) for dx in range(reach + 1) if dx != 7])
    assert count_kernel(labels, offsets) == count_all(labels, offsets)


@pytest.mark.parametrize("dilation_nm", [0.0, 9.0, 20.0, 27.0])
def test_balls_that_reach_several_planes(dilation_nm):
    labels = np.random.default_rng(1).integers(0, 5, (9, 10, 11)).repeat(2, axis=2).astype("u8")
    size = (9.0, 9.0, 3.0)
    table = cg.find_contacts(Volume(labels, size), dilation_nm=dilation_nm)
    assert as_rows(table) == expect_rows(count_all(labels, cg.dilation_offsets(None, dilation_nm, size)))


@pytest.mark.parametrize("shape", [(1, 1, 300), (18, 2, 20), (2, 34, 9)])
def test_more_segments_in_a_tile_than_expected(shape):
    labels = np.arange(1, math.prod(shape) + 1, dtype="u8").reshape(shape) + np.uint64(2**63 - 1000)
    volume = Volume(labels, ZYX)
    counts = {pair: (*faces, n) for pair, faces, n in unique_voxels(labels)}
    assert as_rows(cg.find_contacts(volume)) == expect_rows(counts)
    assert mark_contacts(volume).labels[:, :, :].all()


def unique_voxels(labels):
    """Pairs of voxels that are each their own segment: within two steps of the cross of each other."""
    places = list(np.ndindex(labels.shape))
    cross = {tuple(row) for row in offsets_of({"dilation": 1}).tolist()}
    inside = set(places)
    for place in places:
        around = {tuple(np.add(np.add(place, a), b).tolist()) for a in cross for b in cross} & inside
        for other in around:
            if labels[other] > labels[place]:
                apart = tuple(abs(np.subtract(other, place)).tolist())
                faces = apart if sum(apart) == 1 else (0, 0, 0)
                shared = {tuple(np.add(place, a).tolist()) for a in cross} & {
                    tuple(np.add(other, a).tolist()) for a in cross
                }
                yield (int(labels[place]), int(labels[other])), faces, len(shared & inside)


# --- counted by hand ------------------------------------------------------------------------------------------------


def test_hand_counted():
    labels = np.zeros((2, 3, 4), "u8")
    labels[:, :, :2], labels[:, :, 2:] = 5, 2**53 + 1
    table = cg.find_contacts(Volume(labels, (40, 4, 8)))
    assert table.to_dict("records") == [
        {"segment_a": 5, "segment_b": 2**53 + 1, "n_voxels": 12, "n_faces": 6, "area_nm2": 6 * 160.0}
    ]
    assert table.dtypes.astype(str).tolist() == ["uint64", "uint64", "int64", "int64", "float64"]


@pytest.mark.parametrize(("axis", "area"), [(0, 32.0), (1, 320.0), (2, 160.0)])
def test_area_of_one_face(axis, area):
    labels = np.moveaxis(np.array([[[1, 2]]], "u8"), 2, axis)
    table = cg.find_contacts(Volume(labels, ZYX), dilation=0)
    assert table[["n_voxels", "n_faces", "area_nm2"]].values.tolist() == [[0, 1, area]]


def test_a_gap_is_bridged_by_the_dilation_and_has_no_faces():
    volume = Volume(np.array([[[1, 0, 0, 2]]], "u8"), ZYX)
    assert len(cg.find_contacts(volume, dilation=1)) == 0
    assert as_rows(cg.find_contacts(volume, dilation=2)) == {(1, 2): (2, 0)}


@pytest.mark.parametrize("shape", [(0, 3, 3), (3, 0, 3), (3, 3, 0), (0, 0, 0)])
def test_no_voxels(shape):
    volume = Volume(np.zeros(shape, "u8"), ZYX)
    assert len(cg.find_contacts(volume)) == 0
    assert mark_contacts(volume).labels[:, :, :].shape == shape


@pytest.mark.parametrize("value", [0, 7, 2**64 - 1, 2**64 - 2])
def test_nothing_to_touch(value):
    assert len(cg.find_contacts(Volume(np.full((3, 4, 5), value, "u8"), ZYX))) == 0


def test_more_faces_than_float32_counts():
    labels = np.ones((2, 4200, 4200), "u1")
    labels[1] = 2
    table = cg.find_contacts(Volume(labels, ZYX))
    assert as_rows(table) == {(1, 2): (2 * 4200**2, 4200**2)}


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="negative ids"):
        cg.find_contacts(Volume(np.array([[[1, -1]]]), ZYX))
    with pytest.raises(InputError, match="dilation is -1"):
        cg.find_contacts(Volume(np.ones((1, 1, 2), "u8"), ZYX), dilation=-1)


# --- the keep-list, masks -------------------------------------------------------------------------------------------


def keep(labels, kept):
    table = cg.measure_segments(Volume(labels, ZYX))
    status = [
        ["kept", "split_off"][i % 2] if i in kept else ["below_size", "excluded"][i % 2]
        for i in table["segment_id"].tolist()
    ]
    return table.assign(status=pd.Series(status, dtype="str"))


@given(label_arrays(), dilations, st.sets(st.sampled_from(IDS)), st.integers(1, 2))
def test_pairs_that_are_not_kept_are_left_out_and_change_no_count(labels, how, kept, workers):
    volume, segments = Volume(labels, ZYX), keep(labels, kept)
    table = cg.find_contacts(volume, segments=segments, workers=workers, **how)
    everything = as_rows(cg.find_contacts(volume, **how))
    assert as_rows(table) == {pair: row for pair, row in everything.items() if {*pair} <= kept}


@given(label_arrays(most=(20, 40, 9)), dilations, st.sets(st.sampled_from(IDS)), st.booleans())
def test_mask_of_the_overlaps(labels, how, kept, filtered):
    volume = Volume(labels, ZYX, offset=(1, 2, 3))
    mask = mark_contacts(volume, segments=keep(labels, kept) if filtered else None, **how)
    ids = [i for i in real_ids(labels) if i in kept or not filtered]
    assert (mask.voxel_size, mask.offset, mask.dtype) == (ZYX, (1, 2, 3), np.uint8)
    assert mask.labels[:, :, :].tolist() == mark_overlaps(labels, offsets_of(how), ids).astype(int).tolist()
    part = mask.labels[1:3, :1, 2:]
    assert part.tolist() == mask.labels[:, :, :][1:3, :1, 2:].tolist()


@given(label_arrays(), st.integers(0, 2**32), dilations)
def test_synapses_in_the_overlaps(labels, seed, how):
    clefts = np.random.default_rng(seed).choice(np.array([0, 0, 9, 2**53 + 1, 2**64 - 3], "u8"), labels.shape)
    volume = Volume(labels, ZYX)
    shown = mark_synapse_overlaps(volume, cg.label_synapses(Volume(clefts, ZYX), form="labels"), **how)
    marked = mark_overlaps(labels, offsets_of(how), real_ids(labels))
    assert shown.dtype == np.uint64
    assert shown.labels[:, :, :].tolist() == np.where(marked, clefts, np.uint64(0)).tolist()


def test_masks_can_be_written(tmp_path):
    labels = np.random.default_rng(0).integers(0, 9, (40, 50, 30)).astype("u8").repeat(3, axis=2)
    mask = mark_contacts(Volume(labels, ZYX), dilation=2)
    cg.write_volume(tmp_path / "mask.hdf", mask)
    again = cg.read_volume(tmp_path / "mask.hdf")
    assert np.array_equal(again.labels[:, :, :], mark_overlaps(labels, offsets_of({"dilation": 2}), range(1, 9)))
    assert again.voxel_size == ZYX


@pytest.mark.parametrize("engine", ["processes", "dask"])
def test_masks_are_the_same_on_any_engine(engine):
    """Other processes work on 64 planes at a time, and look at those around them."""
    labels = np.random.default_rng(0).integers(0, 9, (70, 3, 10)).astype("u8").repeat(2, axis=0).repeat(4, axis=2)
    volume, segments = Volume(labels, ZYX), keep(labels, {1, 2, 3, 5})
    synapses = cg.label_synapses(Volume((labels == 4).astype("u8"), ZYX), form="mask")
    with open_engine(engine, 2) as opened:
        for mark in (mark_contacts, partial(mark_synapse_overlaps, synapses=synapses)):
            expected, found = mark(volume, segments=segments), mark(volume, segments=segments, engine=opened)
            assert expected.labels[:, :, :].any()
            assert np.array_equal(found.labels[:, :, :], expected.labels[:, :, :])


def test_synapses_on_another_grid_are_refused():
    synapses = cg.label_synapses(Volume(np.ones((1, 1, 3), "u8"), ZYX), form="labels")
    with pytest.raises(InputError, match="shape"):
        mark_synapse_overlaps(Volume(np.ones((1, 1, 2), "u8"), ZYX), synapses)


# --- real data ------------------------------------------------------------------------------------------------------

GOLDEN = ["phantom_a_d1_t50", "phantom_a_d3_t50", "phantom_b_d1_t50", "phantom_b_d3_t50"]
GOLDEN += ["pinky_a_d1_t50", "pinky_a_d3_t50", "pinky_a_d8_t500"]


@pytest.mark.parametrize("name", GOLDEN)
def test_rows_of_the_reference_pipeline(name):
    folder = Path(__file__).parent / "golden" if name.startswith("phantom") else SHARED / "golden"
    if not folder.exists():
        pytest.skip("real data that is not part of the repository")
    golden = json.loads((folder / f"{name}.json").read_bytes())
    with h5py.File(folder / f"{golden['case']}.hdf") as file:
        volume = Volume(file["volumes/labels/neuron_ids"][...], (40, 8, 8))
    segments = cg.select_segments(volume, min_segment_voxels=golden["min_segment_voxels"])
    table = cg.find_contacts(volume, dilation=golden["dilation_voxels"], segments=segments)
    found = table[table["n_voxels"] > 0][["segment_a", "segment_b", "n_voxels"]]
    assert list(map(list, zip(*(found[column].tolist() for column in found), strict=True))) == golden["contactome"]


def test_faces_of_a_real_segmentation_are_those_of_cc3d():
    import cc3d

    file = SHARED / "data" / "pinky40" / "evaluation_128x512x512.hdf"
    if not file.exists():
        pytest.skip("real data that is not part of the repository")
    volume = cg.read_volume(f"{file}:volumes/labels/neuron_ids")
    labels = volume.labels[:, :, :]
    found = cc3d.contacts(labels, connectivity=6, anisotropy=volume.voxel_size)
    areas = {tuple(sorted(map(int, pair))): area for pair, area in found.items()}
    assert max(areas.values()) < 64 * 2**24  # cc3d counts in float32: more would not be exact
    for segmentation in (volume, Volume(labels, volume.voxel_size)):
        table = cg.find_contacts(segmentation, dilation=0)
        pairs = zip(table["segment_a"].tolist(), table["segment_b"].tolist(), strict=True)
        assert dict(zip(pairs, table["area_nm2"], strict=True)) == areas
