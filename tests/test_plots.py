"""Pictures: what is drawn can be read back and is right; colours and marks stay apart for every reader."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from connectograph.compare import list_edge_outcomes
from connectograph.plots import (
    COLOURS,
    MARKS,
    OUTCOMES,
    bin_pairs,
    count_degrees,
    house_style,
    plot_adjacency,
    plot_degrees,
    plot_pairs_per_synapse,
    plot_slices,
)
from connectograph.plots.adjacency import lay_adjacency
from connectograph.plots.slices import colour_labels
from connectograph.tables import empty_table, make_table

# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB
SIMULATIONS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
MEET = [("tp", "fp", "fn"), ("tp_matrix", "fp", "fn"), ("truth_outline", "predicted_outline"), ("truth", "predicted")]


def outcomes_of(truth, predicted, directed=False) -> pd.DataFrame:
    kind = nx.DiGraph if directed else nx.Graph
    return list_edge_outcomes(kind(truth), kind(predicted))


def random_outcomes(n_nodes: int, n_edges: int) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    keys = rng.choice(n_nodes * n_nodes, n_edges, replace=False)
    low, high = np.minimum(keys // n_nodes, keys % n_nodes), np.maximum(keys // n_nodes, keys % n_nodes)
    keys = np.unique((low * n_nodes + high)[low != high])
    names = rng.choice(["tp", "fp", "fn"], len(keys))
    columns = {"source": keys // n_nodes + 1, "target": keys % n_nodes + 1, "outcome": names, "cause": [""] * len(keys)}
    counts = dict.fromkeys(("n_synapses_truth", "n_synapses_predicted"), np.ones(len(keys), np.int64))
    return make_table("edge_outcomes", columns | counts | dict.fromkeys(("z_nm", "y_nm", "x_nm"), np.zeros(len(keys))))


def drawn(ax) -> dict[str, list[list[float]]]:
    return {marks.get_label(): marks.get_offsets().tolist() for marks in ax.collections}


def lab_of(colour: str, simulation) -> np.ndarray:
    from matplotlib.colors import to_rgb
    from skimage.color import rgb2lab

    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(simulation) @ linear, 0, 1)
    return rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("simulation", SIMULATIONS)
@pytest.mark.parametrize("together", MEET, ids="-".join)
def test_colours_that_meet_stay_apart_for_every_reader(simulation, together):
    for first, second in combinations(together, 2):
        left, right = (lab_of(COLOURS[name], SIMULATIONS[simulation]) for name in (first, second))
        assert np.linalg.norm(left - right) >= 30, (first, second)


def test_outcomes_have_the_agreed_colours_and_a_mark_each():
    assert [COLOURS[name] for name in ("tp", "tp_matrix", "fp", "fn")] == ["#000000", "#BBBBBB", "#D55E00", "#0072B2"]
    assert MARKS == {"tp": "o", "fp": "^", "fn": "v"}


# ------------------------------------------------------------------------------------------------ adjacency


def test_adjacency_is_ordered_by_degree_in_the_truth_and_drawn_on_both_sides():
    # true degrees: 5 has 2, then 3 and 7 with 1 (smaller id first), 9 has none
    ax = plot_adjacency(outcomes_of([(5, 3), (5, 7)], [(5, 3), (7, 9)]))
    assert lay_adjacency(outcomes_of([(5, 3), (5, 7)], [(5, 3), (7, 9)])).nodes.tolist() == [5, 3, 7, 9]
    assert drawn(ax) == {
        OUTCOMES["tp"]: [[1, 0], [0, 1]],
        OUTCOMES["fn"]: [[2, 0], [0, 2]],
        OUTCOMES["fp"]: [[3, 2], [2, 3]],
    }


def test_adjacency_of_directed_graphs_has_presynaptic_rows():
    ax = plot_adjacency(outcomes_of([(1, 2)], [(1, 2), (2, 1)], directed=True), directed=True)
    assert drawn(ax)[OUTCOMES["tp"]] == [[1, 0]]
    assert drawn(ax)[OUTCOMES["fp"]] == [[0, 1]]
    assert ax.get_ylabel().startswith("presynaptic")
    assert ax.get_xlabel().startswith("postsynaptic")


def test_adjacency_beyond_the_limit_shares_cells_and_says_so():
    outcomes = random_outcomes(900, 3000)
    cells = lay_adjacency(outcomes)
    assert cells.factor == 3
    assert max(cells.row.max(), cells.column.max()) < 400
    assert "each cell: 3 × 3 segments" in plot_adjacency(outcomes).get_xlabel()
    assert "each cell" not in plot_adjacency(random_outcomes(300, 500)).get_xlabel()


def test_a_shared_cell_shows_its_most_frequent_outcome_and_errors_win_ties():
    # one cell for all four segments: 2 tp, 2 fp, 1 fn, each on both sides
    tied = outcomes_of([(1, 2), (2, 3), (3, 4)], [(1, 2), (2, 3), (1, 3), (2, 4)])
    assert lay_adjacency(tied, limit=1).outcome.tolist() == ["fp"]
    most = outcomes_of([(1, 2), (2, 3), (3, 4)], [(1, 2), (2, 3), (1, 3)])
    assert lay_adjacency(most, limit=1).outcome.tolist() == ["tp"]


def test_adjacency_of_nothing_says_so():
    ax = plot_adjacency(empty_table("edge_outcomes"))
    assert [text.get_text() for text in ax.texts] == ["no connection in either graph"]


def test_many_marks_are_drawn_as_pixels_and_few_as_shapes():
    assert all(marks.get_rasterized() for marks in plot_adjacency(random_outcomes(390, 12_000)).collections)
    assert not any(marks.get_rasterized() for marks in plot_adjacency(random_outcomes(300, 500)).collections)


def test_ids_of_64_bits_stay_exact():
    ids = [2**64 - 3, 2**64 - 4, 2**53 + 1]
    assert sorted(lay_adjacency(outcomes_of([ids[:2], ids[1:]], [])).nodes.tolist()) == sorted(ids)


# ------------------------------------------------------------------------------------------------ degree


def test_degrees_counted_by_hand():
    outcomes = outcomes_of([(1, 2), (2, 3)], [(1, 2), (1, 4)])
    # 1: truth 1, predicted 2; 2: 2 and 1; 3: 1 and 0; 4: 0 and 1; six more segments without connection
    expected = [[0, 0, 6], [0, 1, 1], [1, 0, 1], [1, 2, 1], [2, 1, 1]]
    assert count_degrees(outcomes, n_segments=10).to_numpy().tolist() == expected
    assert count_degrees(outcomes).to_numpy().tolist() == expected[1:]


def test_directed_degrees_count_one_end():
    outcomes = outcomes_of([(1, 2), (1, 3)], [(1, 2)], directed=True)
    assert count_degrees(outcomes, ends=("source",)).to_numpy().tolist() == [[2, 1, 1]]
    assert count_degrees(outcomes, ends=("target",)).to_numpy().tolist() == [[1, 0, 1], [1, 1, 1]]
    assert plot_degrees(outcomes, ends=("target",)).get_xlabel() == "in-degree in the truth"


def test_degree_plot_holds_the_degrees_and_the_identity_line():
    outcomes = random_outcomes(60, 400)
    ax = plot_degrees(outcomes, n_segments=80)
    degrees = count_degrees(outcomes, n_segments=80)
    pairs = degrees[["degree_truth", "degree_predicted"]].to_numpy().tolist()
    assert ax.collections[0].get_offsets().tolist() == pairs
    (line,) = ax.lines
    assert (line.get_xdata() == line.get_ydata()).all()
    assert ax.xaxis.get_transform().transform(np.array([0.0, np.e - 1])).tolist() == pytest.approx([0.0, 1.0])


def test_degree_plot_of_nothing_is_an_empty_frame():
    ax = plot_degrees(empty_table("edge_outcomes"))
    assert ax.collections[0].get_offsets().tolist() == []


# ------------------------------------------------------------------------------------------------ synapses


def test_pairs_per_synapse_bars_are_the_numbers():
    ax = plot_pairs_per_synapse(
        {"pairs_per_synapse_truth": {"0": 2, "1": 100, "3": 18}, "pairs_per_synapse_predicted": {"1": 7}}
    )
    widths = {bars.get_label(): [int(bar.get_width()) for bar in bars] for bars in ax.containers}
    assert widths == {"truth": [2, 100, 0, 18], "prediction": [0, 7, 0, 0]}
    assert [text.get_text() for text in ax.texts] == ["2", "100", "0", "18", "0", "7", "0", "0"]


def test_a_side_that_was_not_given_has_no_bars():
    ax = plot_pairs_per_synapse({"pairs_per_synapse_truth": {"0": 1}, "pairs_per_synapse_predicted": None})
    assert [bars.get_label() for bars in ax.containers] == ["truth"]


def test_no_synapse_is_lost_in_the_last_bin():
    pairs = {str(number): number for number in range(30)}
    assert sum(bin_pairs(pairs).values()) == sum(pairs.values())
    assert bin_pairs(pairs)["7+"] == sum(range(7, 30))


# ------------------------------------------------------------------------------------------------ slices


def plane(**sides) -> dict[str, np.ndarray]:
    labels = np.repeat(np.arange(1, 5, dtype="uint64"), 10).reshape(4, 10)
    return {"z_index": np.array(3), "step": np.array(2), "segmentation": labels, **sides}


def test_slices_are_drawn_in_micrometres_with_both_outlines():
    mask = np.zeros((4, 10), "uint64")
    mask[1:3, 2:5] = 9
    ax = plot_slices(plane(truth=mask, predicted=mask), voxel_size=(500.0, 250.0), offset=(1000.0, 2000.0))
    assert ax.images[0].get_extent() == pytest.approx([2.0, 7.0, 5.0, 1.0])  # left, right, bottom, top
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x (µm)", "y (µm)")
    assert [line.get_label() for line in ax.lines] == ["truth", "prediction"]
    for contour, name in zip(ax.patches, ("truth_outline", "predicted_outline"), strict=True):
        assert tuple(np.round(np.array(contour.get_edgecolor()[:3]) * 255).astype(int)) == rgb_of(COLOURS[name])
        width, height = np.ptp(contour.get_path().vertices, axis=0)
        assert (width, height) == pytest.approx((3 * 0.5, 2 * 1.0))  # 3 columns, 2 rows of pixels


def rgb_of(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))


def test_slices_without_synapses_have_no_contour_and_voxel_axes():
    ax = plot_slices(plane(truth=np.zeros((4, 10), "uint64")))
    assert len(ax.patches) == 0
    assert ax.get_xlabel() == "x (voxel)"
    assert ax.images[0].get_extent() == pytest.approx([0.0, 20.0, 8.0, 0.0])


def test_label_colours_belong_to_the_id():
    labels = np.array([[1, 2**64 - 3, 0]], "uint64")
    assert (colour_labels(labels)[:, ::-1] == colour_labels(labels[:, ::-1])).all()
    assert len(np.unique(colour_labels(np.arange(1, 400, dtype="uint64")[None])[0], axis=0)) > 100


def test_raw_data_shine_through():
    black, white = (np.full((4, 10), value, "uint8") for value in (0, 255))
    dark, light = (plot_slices(plane(raw=raw)).images[0].get_array().mean() for raw in (black, white))
    assert light - dark > 100


# ------------------------------------------------------------------------------------------------ all


def test_drawing_changes_neither_input_nor_pyplot_nor_settings():
    import matplotlib

    outcomes = random_outcomes(30, 60)
    before, settings = outcomes.copy(), dict(matplotlib.rcParams)
    with house_style():
        plot_adjacency(outcomes)
        plot_degrees(outcomes)
    pd.testing.assert_frame_equal(outcomes, before)
    assert dict(matplotlib.rcParams) == settings


def test_functions_draw_onto_the_axes_given():
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots(1, 2)
    outcomes = random_outcomes(30, 60)
    assert plot_adjacency(outcomes, ax=axes[0]) is axes[0]
    assert plot_degrees(outcomes, ax=axes[1]) is axes[1]
