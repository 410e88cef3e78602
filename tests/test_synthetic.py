"""Phantoms: the counts asked for are there, planted pairs are real, the same seed gives the same bytes."""

from __future__ import annotations

from random import Random
from typing import Any

import cc3d
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lazy import Shuffled, cut_boxes

from connectograph import InputError, Volume
from connectograph.synthetic import (
    make_phantom,
    make_segmentation,
    perturb_synapses,
    plant_errors,
    plant_synapses,
    render_heatmap,
    render_raw,
)

CREMI_BACKGROUND = 2**64 - 1
VOXEL = (40.0, 4.0, 4.0)
CROSS = np.array([(0, 0, 0), (-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)])


@pytest.fixture(scope="module")
def segmentation() -> Volume:
    return make_segmentation((20, 160, 160), n_segments=40, rng=3)


@pytest.fixture(scope="module")
def planted(segmentation: Volume) -> tuple[Volume, pd.DataFrame]:
    return plant_synapses(segmentation, n_synapses=30, polyadic=0.2, repeats=0.3, rng=4)


def volume(labels: Any) -> Volume:
    return Volume(labels, voxel_size=VOXEL)


def touched(labels: np.ndarray, voxel: np.ndarray) -> set[int]:
    """Ids within one voxel (dilation 1) of a voxel."""
    around = voxel + CROSS
    inside = ((around >= 0) & (around < labels.shape)).all(axis=1)
    return {int(labels[tuple(place)]) for place in around[inside]} - {0}


def contact_pairs(labels: np.ndarray, mask: np.ndarray) -> dict[tuple[int, int], int]:
    """Pairs that a synapse contacts at dilation 1, with the number of voxels, one voxel after the other."""
    pairs: dict[tuple[int, int], int] = {}
    for voxel in np.argwhere(mask):
        ids = sorted(touched(labels, voxel))
        for i, a in enumerate(ids):
            for b in ids[i + 1 :]:
                pairs[a, b] = pairs.get((a, b), 0) + 1
    return pairs


# --- segmentations ---


def test_segmentation_holds_the_number_of_segments_and_labels_every_voxel(segmentation: Volume) -> None:
    ids, sizes = np.unique(segmentation.labels, return_counts=True)
    assert len(ids) == 40
    assert ids.min() > 0
    assert segmentation.dtype == np.uint64
    assert segmentation.voxel_size == VOXEL
    assert sizes.sum() == 20 * 160 * 160
    assert (np.diff(ids.astype(np.int64)) > 1).any(), "ids have gaps"


def test_segment_sizes_are_heavy_tailed() -> None:
    labels = make_segmentation((30, 250, 250), n_segments=200, rng=0).labels
    sizes = np.unique(labels, return_counts=True)[1]
    assert sizes.max() > 5 * np.median(sizes)
    assert sizes.mean() > 1.2 * np.median(sizes)


def test_segments_are_seldom_in_pieces(segmentation: Volume) -> None:
    pieces = cc3d.connected_components(segmentation.labels, return_N=True)[1]
    assert 40 <= pieces <= 80


def test_borders_are_not_straight_tiles(segmentation: Volume) -> None:
    """Of the borders between columns, no one column has many more than its share."""
    plane = segmentation.labels[10]
    borders = (plane[:, 1:] != plane[:, :-1]).sum(axis=0)
    assert borders.max() < 6 * borders.mean()


def test_membranes_are_one_voxel_wide() -> None:
    bare, walled = (make_segmentation((4, 60, 60), n_segments=12, membrane=m, rng=2).labels for m in (0, 1))
    wall = walled == 0
    edge = np.zeros(bare.shape, bool)
    edge[:, :-1] |= bare[:, :-1] != bare[:, 1:]
    edge[:, :, :-1] |= bare[:, :, :-1] != bare[:, :, 1:]
    assert np.array_equal(wall, edge)
    assert np.array_equal(bare[~wall], walled[~wall])


def test_big_ids_are_not_exact_as_floats() -> None:
    ids = np.unique(make_segmentation((4, 60, 60), n_segments=12, big_ids=True, rng=2).labels)
    assert len(ids) == 12
    assert (ids > 2**53).sum() == 3
    assert any(int(float(number)) != int(number) for number in ids)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 40)),
    share=st.floats(0, 1),
    membrane=st.sampled_from([0, 1]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_number_of_segments_that_fits_is_met(
    shape: tuple[int, int, int], share: float, membrane: int, seed: int
) -> None:
    room = int(np.prod(shape))
    n_segments = int(share * min(room, 300))
    labels = make_segmentation(shape, n_segments=n_segments, membrane=membrane, rng=seed).labels
    assert labels.shape == shape
    assert len(np.unique(labels[labels > 0])) == n_segments


@pytest.mark.parametrize(
    ("arguments", "message"), [({"n_segments": 9}, "9 segments"), ({"membrane": 3}, "membrane is 3")]
)
def test_impossible_segmentations_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_segmentation((2, 2, 2), **{"n_segments": 1, **arguments})


# --- planted synapses ---


def test_clefts_have_the_number_background_and_table_asked_for(planted: tuple[Volume, pd.DataFrame]) -> None:
    clefts, table = planted
    ids = np.unique(clefts.labels)
    assert ids[-1] == CREMI_BACKGROUND
    assert ids[:-1].tolist() == sorted(set(table["synapse_id"].tolist()))
    assert len(ids) - 1 == 30
    assert list(table.dtypes.astype(str)) == ["uint64"] * 3 + ["float64"] * 3
    assert (table["segment_a"] < table["segment_b"]).all()
    assert (table.groupby("synapse_id").size() == 2).sum() == 6, "20 % of 30 join two pairs"
    assert table.duplicated(["segment_a", "segment_b"]).any(), "some pairs have several synapses"


def test_planted_pairs_are_contacts_of_their_clefts(segmentation: Volume, planted: tuple[Volume, pd.DataFrame]) -> None:
    clefts, table = planted
    for synapse, rows in table.groupby("synapse_id"):
        pairs = contact_pairs(segmentation.labels, clefts.labels == np.uint64(synapse))
        assert set(zip(rows["segment_a"], rows["segment_b"], strict=True)) <= set(pairs)


def test_positions_are_the_means_of_the_voxels(planted: tuple[Volume, pd.DataFrame]) -> None:
    clefts, table = planted
    for row in table.itertuples():
        middle = (np.argwhere(clefts.labels == row.synapse_id) + 0.5).mean(axis=0) * VOXEL
        assert np.allclose(middle, (row.z_nm, row.y_nm, row.x_nm))


def test_clefts_are_connected_flat_and_apart(planted: tuple[Volume, pd.DataFrame]) -> None:
    mask = planted[0].labels != CREMI_BACKGROUND
    assert cc3d.connected_components(mask, connectivity=26, return_N=True)[1] == 30
    assert mask.sum() / 30 < 0.5 * 4 / 3 * np.pi * 160**3 / np.prod(VOXEL)


def test_clefts_reach_across_membranes() -> None:
    walled = make_segmentation((8, 80, 80), n_segments=10, membrane=1, rng=1)
    clefts, table = plant_synapses(walled, n_synapses=4, rng=1)
    row = table.iloc[0]
    pairs = contact_pairs(walled.labels, clefts.labels == row["synapse_id"])
    assert (row["segment_a"], row["segment_b"]) in pairs


def test_offsets_are_honoured(segmentation: Volume) -> None:
    moved = Volume(segmentation.labels, VOXEL, offset=(400.0, 40.0, 4.0))
    here, there = (plant_synapses(source, n_synapses=3, rng=0) for source in (segmentation, moved))
    assert there[0].offset == (400.0, 40.0, 4.0)
    assert np.allclose(there[1]["z_nm"] - here[1]["z_nm"], 400)


def test_lazily_read_segmentations_give_the_same_synapses(segmentation: Volume) -> None:
    random = Random(0)
    lazy = Shuffled(segmentation.labels, cut_boxes(segmentation.shape, random), random)
    here, there = (plant_synapses(s, n_synapses=3, rng=0)[0].labels for s in (segmentation, volume(lazy)))
    assert np.array_equal(here, there)


def test_thin_clefts_lie_wholly_within_one_voxel_of_both_segments(segmentation: Volume) -> None:
    clefts, table = plant_synapses(segmentation, n_synapses=5, thickness_nm=8, polyadic=0, rng=0)
    for row in table.itertuples():
        mask = clefts.labels == row.synapse_id
        assert contact_pairs(segmentation.labels, mask)[row.segment_a, row.segment_b] == mask.sum()


def test_no_synapse_is_a_valid_number(segmentation: Volume) -> None:
    clefts, table = plant_synapses(segmentation, n_synapses=0)
    assert (clefts.labels == CREMI_BACKGROUND).all()
    assert table.empty
    assert list(table.dtypes.astype(str)) == ["uint64"] * 3 + ["float64"] * 3


@pytest.mark.parametrize(
    "labels", [np.ones((3, 20, 20), "uint64"), np.zeros((3, 20, 20), "uint8"), np.zeros((0, 5, 5), "uint64")]
)
def test_segments_that_do_not_touch_cannot_hold_a_synapse(labels: np.ndarray) -> None:
    with pytest.raises(InputError, match="room for 0 of 1 synapses"):
        plant_synapses(volume(labels), n_synapses=1)


# --- predictions ---


COUNTS = {"missed": 4, "invented": 5, "grown": 3, "shrunk": 3, "shifted": 3, "merged": 2}


@pytest.fixture(scope="module")
def perturbed(segmentation: Volume, planted: tuple[Volume, pd.DataFrame]) -> tuple[Volume, pd.DataFrame]:
    return perturb_synapses(segmentation, planted[0], **COUNTS, rng=5)


def test_every_kind_of_mistake_comes_as_often_as_asked(perturbed: tuple[Volume, pd.DataFrame]) -> None:
    found = perturbed[1]["change"].value_counts().to_dict()
    assert found == {**COUNTS, "merged": 4, "same": 30 - 4 - 9 - 4}


def test_what_was_done_is_what_the_voxels_show(
    planted: tuple[Volume, pd.DataFrame], perturbed: tuple[Volume, pd.DataFrame]
) -> None:
    truth, (predicted, changes) = planted[0].labels, perturbed
    for row in changes.itertuples():
        before = (truth == row.truth_id) & (row.truth_id > 0)
        after = (predicted.labels == row.predicted_id) & (row.predicted_id > 0)
        assert (before.sum(), after.sum()) == (row.n_voxels_truth, row.n_voxels_predicted)
        assert {
            "same": np.array_equal(before, after),
            "missed": before.any() and not predicted.labels[before].any(),
            "invented": after.any() and (truth[after] == CREMI_BACKGROUND).all(),
            "grown": after[before].all() and after.sum() > before.sum(),
            "shrunk": before[after].all() and 0 < after.sum() < before.sum(),
            "shifted": after.sum() == before.sum() and not np.array_equal(before, after),
            "merged": after[before].all() and len(np.unique(truth[after])) == 3,
        }[row.change], row


def test_predicted_labels_are_numbered_components(perturbed: tuple[Volume, pd.DataFrame]) -> None:
    predicted, changes = perturbed
    labels = predicted.labels
    ids, first = np.unique(labels, return_index=True)
    assert predicted.dtype == np.uint16
    assert ids.tolist() == list(range(30 - 4 - 2 + 5 + 1))
    assert (np.diff(first[1:]) > 0).all(), "numbered by first voxel"
    assert cc3d.connected_components(labels > 0, connectivity=26, return_N=True)[1] == len(ids) - 1
    assert set(changes["predicted_id"].tolist()) == set(ids.tolist())


def test_truth_is_left_alone_and_nothing_asked_changes_nothing(
    segmentation: Volume, planted: tuple[Volume, pd.DataFrame]
) -> None:
    before = planted[0].labels.copy()
    predicted, changes = perturb_synapses(segmentation, planted[0])
    assert np.array_equal(planted[0].labels, before)
    assert np.array_equal(predicted.labels > 0, before != CREMI_BACKGROUND)
    assert (changes["change"] == "same").all()


def test_empty_truth_gives_an_empty_prediction(segmentation: Volume) -> None:
    empty = volume(np.zeros(segmentation.shape, "uint64"))
    predicted, changes = perturb_synapses(segmentation, empty)
    assert not predicted.labels.any()
    assert changes.empty
    assert list(changes.dtypes.astype(str))[:2] == ["uint64", "uint64"]


def test_synapses_without_room_can_be_neither_shifted_nor_merged_nor_shrunk() -> None:
    segments = volume(np.ones((1, 3, 30), "uint64"))
    truth = np.zeros((1, 3, 30), "uint64")
    truth[0, :, [2, 14, 26]] = [[1], [2], [3]]
    with pytest.raises(InputError, match="0 of 1 true synapses could be shifted"):
        perturb_synapses(segments, volume(truth), shifted=1)
    with pytest.raises(InputError, match="1 of 2 true synapses could be merged"):
        perturb_synapses(segments, volume(truth), merged=2)
    with pytest.raises(InputError, match="0 of 1 true synapses could be shrunk"):
        perturb_synapses(segments, volume(np.arange(90).reshape(1, 3, 30) == 5), shrunk=1)


def test_too_many_changes_are_refused(segmentation: Volume, planted: tuple[Volume, pd.DataFrame]) -> None:
    with pytest.raises(InputError, match="30 of 31 true synapses could be missed"):
        perturb_synapses(segmentation, planted[0], missed=31)


def test_many_labels_need_a_wider_type() -> None:
    labels = np.zeros((1, 514, 514), "uint64")
    labels[0, ::2, ::2] = np.arange(1, 257 * 257 + 1).reshape(257, 257)
    predicted, _ = perturb_synapses(volume(np.ones_like(labels)), volume(labels))
    assert predicted.dtype == np.uint32
    assert int(predicted.labels.max()) == 257 * 257


def test_synapses_at_the_border_stay_inside() -> None:
    labels = np.ones((2, 12, 12), "uint64")
    labels[:, :, 6:] = 2
    truth = np.zeros_like(labels)
    truth[:, :, 0:2] = 5
    truth[:, :, 10:] = 6
    predicted, changes = perturb_synapses(volume(labels), volume(truth), grown=2)
    assert predicted.shape == (2, 12, 12)
    assert changes["n_voxels_predicted"].tolist() == [2 * 12 * 4, 2 * 12 * 4]


# --- images ---


def test_heat_map_reproduces_the_labels_and_doubts_the_invented(perturbed: tuple[Volume, pd.DataFrame]) -> None:
    predicted, changes = perturbed
    invented = changes.loc[changes["change"] == "invented", "predicted_id"].tolist()
    heat = render_heatmap(predicted, invented=invented, threshold=100, rng=0)
    assert heat.dtype == np.uint8
    assert np.array_equal(heat.labels >= 100, predicted.labels > 0)
    false = np.isin(predicted.labels, invented)
    assert heat.labels[false].mean() < heat.labels[(predicted.labels > 0) & ~false].mean()


def test_heat_map_of_nothing_is_below_the_threshold() -> None:
    assert render_heatmap(volume(np.zeros((2, 9, 9), "uint16"))).labels.max() < 128


def test_heat_map_threshold_must_leave_room(perturbed: tuple[Volume, pd.DataFrame]) -> None:
    with pytest.raises(InputError, match="threshold is 250"):
        render_heatmap(perturbed[0], threshold=250)


def test_raw_image_has_dark_membranes_and_darker_clefts(
    segmentation: Volume, planted: tuple[Volume, pd.DataFrame]
) -> None:
    raw = render_raw(segmentation, planted[0], rng=0).labels.astype(float)
    cleft = planted[0].labels != CREMI_BACKGROUND
    edge = np.zeros(raw.shape, bool)
    edge[:, :, 1:] = segmentation.labels[:, :, 1:] != segmentation.labels[:, :, :-1]
    assert raw[cleft].mean() < raw[edge & ~cleft].mean() < raw[~edge & ~cleft].mean()


# --- mistakes of the segmentation ---


def test_splits_and_merges_are_as_listed(segmentation: Volume) -> None:
    before = segmentation.labels.copy()
    wrong, errors = plant_errors(segmentation, splits=4, merges=3, rng=0)
    assert np.array_equal(segmentation.labels, before)
    assert errors["error"].tolist() == ["split"] * 4 + ["merge"] * 3
    listed = errors[["segment_id", "other_id"]].to_numpy().ravel()
    assert len(set(listed.tolist())) == 14
    expected = before.copy()
    for row in errors.itertuples():
        if row.error == "merge":
            assert (before == row.other_id).sum() == row.n_voxels
            expected[before == row.other_id] = row.segment_id
        else:
            half = wrong.labels == row.other_id
            assert half.sum() == row.n_voxels
            assert not (before == row.other_id).any()
            assert (before[half] == row.segment_id).all()
            assert 0 < row.n_voxels < (before == row.segment_id).sum()
            expected[half] = row.other_id
    assert np.array_equal(wrong.labels, expected)


def test_merged_segments_touch(segmentation: Volume) -> None:
    _, errors = plant_errors(segmentation, merges=5, rng=1)
    faces = {
        tuple(sorted((int(a), int(b))))
        for low, high in [(np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:, :, :-1], np.s_[:, :, 1:])]
        for a, b in zip(segmentation.labels[low].ravel(), segmentation.labels[high].ravel(), strict=True)
        if a != b
    }
    assert set(zip(errors["segment_id"], errors["other_id"], strict=True)) <= faces


@pytest.mark.parametrize(("arguments", "message"), [({"splits": 3}, "2 segments"), ({"merges": 2}, "1 of 2 pairs")])
def test_too_few_segments_for_the_mistakes_are_refused(arguments: dict[str, int], message: str) -> None:
    labels = np.ones((1, 4, 4), "uint64")
    labels[:, :, 2:] = 2
    with pytest.raises(InputError, match=message):
        plant_errors(volume(labels), **arguments)


def test_a_segment_crowded_at_one_end_is_still_cut_in_two() -> None:
    labels = np.zeros((1, 1, 6), "uint64")
    labels[0, 0, [0, 4, 4, 5, 5]] = 9
    wrong, errors = plant_errors(volume(labels), splits=1)
    assert wrong.labels.ravel().tolist() == [9, 0, 0, 0, 9, 1]
    assert errors["n_voxels"].tolist() == [1]


# --- phantoms ---


def arrays(phantom: object) -> list[np.ndarray]:
    return [getattr(phantom, name).labels for name in ("segmentation", "truth", "predicted", "heatmap", "raw")]


def test_phantoms_are_the_same_for_the_same_seed_and_only_then() -> None:
    kwargs = {"n_segments": 25, "n_synapses": 12}
    first, second = (make_phantom((10, 110, 110), **kwargs, rng=7) for _ in range(2))
    other = make_phantom((10, 110, 110), **kwargs, rng=np.random.default_rng(8))
    for a, b, c in zip(arrays(first), arrays(second), arrays(other), strict=True):
        assert np.array_equal(a, b)
        assert not np.array_equal(a, c)
    pd.testing.assert_frame_equal(first.planted, second.planted)
    pd.testing.assert_frame_equal(first.changes, second.changes)
    assert first.raw is first.raw


def test_small_phantom_has_its_numbers_and_usable_volumes() -> None:
    phantom = make_phantom()
    assert phantom.segmentation.shape == phantom.truth.shape == phantom.predicted.shape == (40, 300, 300)
    assert len(np.unique(phantom.segmentation.labels)) == 150
    assert phantom.planted["synapse_id"].nunique() == 120
    assert phantom.changes["change"].value_counts()["missed"] == 18
    assert np.array_equal(phantom.heatmap.labels >= 128, phantom.predicted.labels > 0)


@pytest.mark.parametrize(
    ("size", "message"), [("huge", "expected one of small"), ((4, 4, 4), "n_segments and n_synapses")]
)
def test_unknown_sizes_are_refused(size: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_phantom(size)  # type: ignore[arg-type]
