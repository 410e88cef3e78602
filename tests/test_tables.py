"""Columns, types and ids."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectograph.errors import InputError, SchemaError
from connectograph.tables import SCHEMAS, as_ids, empty_table, make_table, validate_table

BOX = ["z_min_nm", "z_max_nm", "y_min_nm", "y_max_nm", "x_min_nm", "x_max_nm"]
PLACE = ["z_nm", "y_nm", "x_nm"]
BOTH = ["synapse_id_truth", "synapse_id_predicted"]
SCORES = ["tp", "fp", "fn", "precision", "recall", "f1"]
SITE_IDS = ["pre_site_id", "post_site_id"]
SIZES = ["n_voxels_truth", "n_voxels_predicted", "n_voxels_shared"]
SEGMENTS = ["true_segment", "predicted_segment"]
# the tables as they are promised to users: names that never change
COLUMNS = {
    "segments": ["segment_id", "n_voxels", "volume_nm3", *PLACE, *BOX, "status"],
    "synapses": [
        "synapse_id",
        "n_voxels",
        "volume_nm3",
        *PLACE,
        "score_max",
        "score_mean",
        "attached",
        "unattached_reason",
    ],
    "synapse_contacts": ["synapse_id", "segment_a", "segment_b", "n_voxels", *PLACE],
    "contactome": ["segment_a", "segment_b", "n_voxels", "n_faces", "area_nm2"],
    "links": ["synapse_id", "source", "target", "directed", "n_voxels", "score", *PLACE],
    "directed_links": ["synapse_id", "source", "target", "directed", "n_voxels", "score", *PLACE, "pre_site_id"],
    "synapse_points": [
        "synapse_id",
        *SITE_IDS,
        "pre_segment",
        "post_segment",
        "n_voxels",
        "score",
        *PLACE,
        *[f"pre_{axis}" for axis in PLACE],
        *[f"post_{axis}" for axis in PLACE],
    ],
    "edges": ["source", "target", "n_synapses", "n_voxels", *PLACE],
    "edge_outcomes": [
        "source",
        "target",
        "outcome",
        "n_synapses_truth",
        "n_synapses_predicted",
        "cause",
        *PLACE,
    ],
    "synapse_overlaps": [*BOTH, *SIZES, "iou"],
    "synapse_matches": [
        *BOTH,
        "outcome",
        *SIZES,
        "iou",
        "n_overlaps_truth",
        "n_overlaps_predicted",
        "at_border",
        "n_pairs_truth",
        "n_pairs_predicted",
        "n_pairs_shared",
        "partners",
        *PLACE,
    ],
    "segment_overlaps": [*SEGMENTS, "n_voxels"],
    "segment_terminals": [*SEGMENTS, "n_terminals"],
    "segment_matches": [
        *SEGMENTS,
        "segment_id",
        "majority_segment",
        *SIZES,
        "iou",
        "n_overlaps_truth",
        "n_overlaps_predicted",
        "purity",
    ],
    "neuron_integrity": ["segment_id", "n_terminals", "n_deleted", "precision", "recall", "nri"],
    "partner_sites": [
        *SITE_IDS,
        "source",
        "target",
        *[f"pre_{axis}" for axis in PLACE],
        *[f"post_{axis}" for axis in PLACE],
    ],
    "neurons": [
        "segment_id",
        "role",
        *SCORES,
        "n_synapses_truth",
        "n_synapses_predicted",
        "n_synapses_shared",
        *[f"weighted_{score}" for score in SCORES[3:]],
        "cosine",
        "spearman",
    ],
    "link_outcomes": [*BOTH, "source", "target", "outcome", "cause", "detail", "n_voxels", *PLACE],
    "fixes": [
        "step",
        "kind",
        *BOTH,
        "true_segment",
        "predicted_segment",
        "into_segment",
        "source",
        "target",
        "n_links",
        "gain",
        "tp",
        "fp",
        "fn",
        "f1",
        *PLACE,
    ],
    "type_blocks": [
        "source_type",
        "target_type",
        "n_pairs",
        "n_edges_truth",
        "n_edges_predicted",
        "density_truth",
        "density_predicted",
        "log2_ratio",
    ],
    "score_sweep": ["threshold", *SCORES],
}
IDS = [
    "segment_id",
    "synapse_id",
    *SEGMENTS,
    *BOTH,
    *SITE_IDS,
    "pre_segment",
    "post_segment",
    "segment_a",
    "segment_b",
    "source",
    "target",
]


def contactome(a, b):
    n = len(a)
    return {"segment_a": a, "segment_b": b, "n_voxels": [1] * n, "n_faces": [0] * n, "area_nm2": [0.0] * n}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_and_types_are_as_promised_also_without_rows(name):
    table = empty_table(name)
    assert list(table) == COLUMNS[name]
    assert table.equals(make_table(name, {column: [] for column in COLUMNS[name]}))
    for column in table:
        kind = table[column].dtype
        if column in IDS:
            assert kind == np.uint64
        elif column.startswith("n_"):
            assert kind == np.int64
        elif "_nm" in column or column.startswith("score"):
            assert kind == np.float64


def test_no_table_is_without_promise():
    assert sorted(SCHEMAS) == sorted(COLUMNS)


def test_rows_are_sorted_by_ids_as_unsigned_numbers():
    table = make_table("contactome", contactome([2**63 + 1, 5, 2**63 + 1], [2**64 - 3, 7, 2**64 - 4]))
    assert table[["segment_a", "segment_b"]].to_numpy().tolist() == [
        [5, 7],
        [2**63 + 1, 2**64 - 4],
        [2**63 + 1, 2**64 - 3],
    ]
    assert table.index.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("change", "word"), [({"n_faces": None}, "missing"), ({"weight": [1]}, "unknown")])
def test_make_table_wants_exactly_its_columns(change, word):
    columns = {k: v for k, v in {**contactome([1], [2]), **change}.items() if v is not None}
    with pytest.raises(SchemaError, match=word):
        make_table("contactome", columns)


def test_validate_table_names_the_column():
    good = make_table("contactome", contactome([1], [2]))
    assert validate_table("contactome", good) is good
    assert validate_table("contactome", good.assign(extra=1)) is not None
    with pytest.raises(SchemaError, match=r"contactome table lacks the column 'n_faces'; found segment_a"):
        validate_table("contactome", good.drop(columns="n_faces"))
    with pytest.raises(SchemaError, match=r"contactome\.segment_a has type float64; expected uint64"):
        validate_table("contactome", good.astype({"segment_a": "float64"}))


@given(st.lists(st.sampled_from([0, 1, 2**53 - 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 3, 2**64 - 1])))
def test_ids_are_exact_from_any_source(ids):
    for values in (ids, tuple(ids), (i for i in ids), [str(i) for i in ids], pd.array(ids, dtype="UInt64")):
        assert as_ids(values).dtype == np.uint64
    assert as_ids(ids).tolist() == ids
    assert as_ids([str(i) for i in ids]).tolist() == ids
    assert as_ids(np.array(ids, dtype="uint64")).tolist() == ids
    assert as_ids(np.array(ids, dtype=">u8")).tolist() == ids
    assert as_ids(pd.Series(ids, dtype="uint64")).tolist() == ids


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [float("nan")],
        [None],
        [True],
        [-1],
        [2**64],
        ["1.5"],
        ["-1"],
        [""],
        ["x"],
        np.array([1.0]),
        np.array([-1], "int8"),
        np.array([True]),
        pd.array([1, None], dtype="UInt64"),
        pd.Series([1.0, np.nan]),
    ],
    ids=repr,
)
def test_what_is_no_id_is_refused(values):
    with pytest.raises(SchemaError, match=r"^segment_id: .*(no id|negative)"):
        as_ids(values, "segment_id")


def test_schema_errors_are_input_errors():
    assert issubclass(SchemaError, InputError)
    assert issubclass(InputError, ValueError)
