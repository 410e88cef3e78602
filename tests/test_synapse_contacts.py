"""Synapse contacts: |s ∩ dilate(a) ∩ dilate(b)| without dilating anything."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lazy import Shuffled, cut_boxes
from scenes import SEGMENTS, SYNAPSES, VOXEL_SIZES, id_pools, label_arrays

from connectograph import InputError, Volume, find_synapse_contacts, label_synapses, select_segments
from connectograph.contacts import dilation_offsets, scan_segmentation
from connectograph.contacts.synapse_contacts import scan_neighbourhoods
from connectograph.segments import measure_segments

CREMI = (40.0, 4.0, 4.0)
dilations = st.integers(0, 4).map(lambda n: (n, None)) | st.sampled_from(
    [(None, r) for r in (0.0, 3.0, 4.0, 8.0, 12.0, 40.0, 45.0)]
)


@st.composite
def labelled(draw):
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(1, 8)))
    segmentation = draw(label_arrays(shape, draw(id_pools(SEGMENTS, [2**64 - 2, 2**64 - 1], 6))))
    synapses = draw(label_arrays(shape, draw(id_pools(SYNAPSES, [2**64 - 2, 2**64 - 1], 3))))
    return segmentation, synapses, draw(st.sampled_from(VOXEL_SIZES))


def counts_of(contacts):
    return {
        (row.synapse_id, row.segment_a, row.segment_b): (row.n_voxels, row.z_nm, row.y_nm, row.x_nm)
        for row in contacts.itertuples()
    }


@settings(max_examples=3 * settings.default.max_examples)
@given(labelled(), dilations, st.randoms(use_true_random=False), st.integers(1, 2))
def test_against_dilating_every_segment(arrays, dilation, random, workers):
    segmentation, clefts, voxel_size = arrays
    offset = (40.0, -4.0, 0.0)
    lazy = Volume(Shuffled(segmentation, cut_boxes(segmentation.shape, random), random), voxel_size, offset)
    synapses = label_synapses(Volume(clefts, voxel_size, offset), form="labels")
    scan = scan_segmentation(lazy, [synapses], dilation_offsets(*dilation, voxel_size), workers=workers)
    found = counts_of(scan.neighbours[0].contacts)

    reach = oracles.offsets_to_structure(*dilation, voxel_size)
    labels = oracles.without(segmentation, [*oracles.BACKGROUND, oracles.IGNORE])
    near = {i: oracles.dilate(labels == i, reach) for i in oracles.ids_of(labels)}
    masks = oracles.label_truth(clefts)
    expected = {
        (synapse, *pair): oracles.measure(voxels, voxel_size, offset)
        for synapse, mask in masks.items()
        for pair, voxels in oracles.find_overlaps(mask, near).items()
    }
    assert list(found) == sorted(expected)
    for key, (n_voxels, *position) in found.items():
        assert n_voxels == expected[key]["n_voxels"]
        assert np.allclose(position, expected[key]["position"], rtol=1e-12, atol=1e-9)
    touches = scan.neighbours[0].touches
    assert sorted(zip(touches["synapse_id"].tolist(), touches["segment_id"].tolist(), strict=True)) == sorted(
        (synapse, i) for synapse, mask in masks.items() for i in near if (near[i] & mask).any()
    )
    assert scan.segments.equals(measure_segments(Volume(segmentation, voxel_size, offset)))


@given(labelled(), dilations, st.randoms(use_true_random=False))
def test_neighbourhoods_add_up_to_contacts(arrays, dilation, random):
    segmentation, clefts, voxel_size = arrays
    lazy = Volume(Shuffled(segmentation, cut_boxes(segmentation.shape, random), random), voxel_size)
    synapses = label_synapses(Volume(clefts, voxel_size), form="labels")
    given = lazy, [synapses], dilation_offsets(*dilation, voxel_size)
    scan, (segments, (near,)) = scan_segmentation(*given), scan_neighbourhoods(*given)
    pairs, singles = Counter(), Counter()
    for (synapse, _), rows in near.groupby(["synapse_id", "voxel"]):
        assert rows["n_voxels"].nunique() == 1
        ids, n = sorted(rows["segment_id"].tolist()), int(rows["n_voxels"].iloc[0])
        pairs.update({(synapse, *pair): n for pair in combinations(ids, 2)})
        singles.update({(synapse, own): n for own in ids})
    contacts, touches = scan.neighbours[0].contacts, scan.neighbours[0].touches
    columns = ["synapse_id", "segment_a", "segment_b"]
    assert pairs == dict(zip(contacts[columns].itertuples(index=False, name=None), contacts["n_voxels"], strict=True))
    columns = ["synapse_id", "segment_id"]
    assert singles == dict(zip(touches[columns].itertuples(index=False, name=None), touches["n_voxels"], strict=True))
    assert segments.equals(scan.segments)


def contacts_in(segmentation, clefts, voxel_size=CREMI, **options):
    synapses = label_synapses(Volume(np.array(clefts), voxel_size))
    table = find_synapse_contacts(Volume(np.array(segmentation), voxel_size), synapses, **options)
    return {key: values[0] for key, values in counts_of(table).items()}


def test_counted_by_hand_in_a_row():
    row = [[[1, 1, 0, 0, 2, 2]]]
    #        .  5  5  5  5  .   1 reaches voxel 2, 2 reaches voxel 3
    clefts = [[[0, 5, 5, 5, 5, 0]]]
    assert contacts_in(row, clefts, dilation=0) == {}
    assert contacts_in(row, clefts, dilation=1) == {}
    assert contacts_in(row, clefts, dilation=2) == {(5, 1, 2): 2}
    assert contacts_in(row, clefts, dilation=3) == {(5, 1, 2): 4}
    assert contacts_in(row, clefts, dilation_nm=8.0) == {(5, 1, 2): 2}
    assert contacts_in(row, clefts, dilation_nm=7.9) == {}


def test_depth_grows_by_one_and_the_plane_by_the_dilation():
    column = np.zeros((5, 1, 1), "u1")
    column[0], column[4] = 1, 2
    cleft = np.full((5, 1, 1), 7)
    assert contacts_in(column, cleft, dilation=3) == {}
    column[3] = 2
    assert contacts_in(column, cleft, dilation=9) == {}
    column[2] = 2
    assert contacts_in(column, cleft, dilation=1) == {(7, 1, 2): 1}
    assert contacts_in(column, cleft, dilation=9) == {(7, 1, 2): 1}
    # in the plane, both grow until they cover all five voxels
    lying = column.reshape(1, 5, 1)
    counts = [contacts_in(lying, cleft.reshape(1, 5, 1), dilation=n).get((7, 1, 2), 0) for n in range(5)]
    assert counts == [0, 1, 3, 4, 5]


def test_nothing_reaches_around_the_edges_of_the_volume():
    segmentation = np.zeros((2, 3, 4), "u1")
    segmentation[0, 0, 0], segmentation[0, 0, 3], segmentation[1, 2, 0] = 1, 2, 3
    clefts = np.zeros((2, 3, 4), "u1")
    clefts[0, 0, 3] = clefts[1, 2, 0] = 5
    assert contacts_in(segmentation, clefts, dilation=1) == {}
    assert contacts_in(segmentation, clefts, dilation=2) == {}
    assert contacts_in(segmentation, clefts, dilation=3) == {(5, 1, 2): 1, (5, 1, 3): 1}


def test_contacts_with_segments_that_are_not_kept_are_left_out():
    segmentation, clefts = [[[1, 1, 2, 3]]], [[[0, 0, 5, 0]]]
    volume = Volume(np.array(segmentation), CREMI)
    kept = select_segments(volume, exclude=[3])
    assert contacts_in(segmentation, clefts) == {(5, 1, 2): 1, (5, 1, 3): 1, (5, 2, 3): 1}
    assert contacts_in(segmentation, clefts, segments=kept) == {(5, 1, 2): 1}


def test_a_voxel_with_more_neighbours_than_the_buffers_start_with():
    segmentation = np.arange(1, 7 * 7 * 3 + 1).reshape(3, 7, 7)
    clefts = np.zeros((3, 7, 7), "u1")
    clefts[1, 3, 3] = 1
    n = len(dilation_offsets(3, None, CREMI))
    assert len(contacts_in(segmentation, clefts, dilation=3)) == n * (n - 1) // 2


def test_no_synapses_no_voxels():
    for shape in ((2, 2, 2), (0, 2, 2)):
        volume = Volume(np.zeros(shape, "u8"), CREMI)
        assert len(find_synapse_contacts(volume, label_synapses(volume))) == 0


def test_grids_must_agree():
    synapses = label_synapses(Volume(np.ones((1, 1, 3), "u1"), CREMI, name="clefts"))
    for other in (Volume(np.ones((1, 1, 4), "u1"), CREMI), Volume(np.ones((1, 1, 3), "u1"), CREMI, (0, 0, 4))):
        with pytest.raises(InputError, match="clefts"):
            find_synapse_contacts(other, synapses)
