"""Partner rules: which contacts are links, and why a synapse has none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from connectograph import InputError, SchemaError, assign_partners
from connectograph.partners import RULES, UNATTACHED_REASONS, attach_synapses
from connectograph.tables import empty_table, make_table


def contacts_of(*rows):
    """The table from (synapse, a, b, voxels); the position along x is the row's number."""
    columns = dict(zip(("synapse_id", "segment_a", "segment_b", "n_voxels"), zip(*rows, strict=True), strict=True))
    return make_table(
        "synapse_contacts", {**columns, "z_nm": [0.0] * len(rows), "y_nm": [0.0] * len(rows), "x_nm": range(len(rows))}
    )


def synapses_of(*ids, score=np.nan):
    n = len(ids)
    number = {name: [1.0] * n for name in ("volume_nm3", "z_nm", "y_nm", "x_nm")}
    return make_table(
        "synapses",
        {"synapse_id": ids, "n_voxels": [1] * n, **number, "score_max": [score] * n, "score_mean": [0.0] * n,
         "attached": [False] * n, "unattached_reason": [""] * n},
    )  # fmt: skip


def links_of(table):
    return [tuple(map(int, row)) for row in table[["synapse_id", "source", "target", "n_voxels"]].to_numpy()]


POLYAD = contacts_of((5, 1, 2, 4), (5, 1, 3, 9), (5, 2, 3, 9), (6, 1, 2, 1), (8, 7, 9, 3))


@pytest.mark.parametrize(
    ("rule", "minimum", "links"),
    [
        ("all-pairs", 1, [(5, 1, 2, 4), (5, 1, 3, 9), (5, 2, 3, 9), (6, 1, 2, 1), (8, 7, 9, 3)]),
        ("all-pairs", 4, [(5, 1, 2, 4), (5, 1, 3, 9), (5, 2, 3, 9)]),
        ("all-pairs", 10, []),
        ("top-pair", 1, [(5, 1, 3, 9), (6, 1, 2, 1), (8, 7, 9, 3)]),
        ("top-pair", 3, [(5, 1, 3, 9), (8, 7, 9, 3)]),
    ],
)
def test_rules(rule, minimum, links):
    table = assign_partners(POLYAD, rule=rule, min_contact_voxels=minimum)
    assert links_of(table) == links
    assert not table["directed"].any()
    assert table["score"].isna().all()


def test_ties_of_top_pair_go_to_the_smallest_pair_whatever_the_order_of_rows():
    rows = contacts_of((1, 2**53 + 1, 2**64 - 3, 5), (1, 2**53, 2**64 - 3, 5), (1, 2**53, 2**63 + 1, 5))
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        links = assign_partners(rows.iloc[order], rule="top-pair")
        assert (links["source"].item(), links["target"].item()) == (2**53, 2**63 + 1)


def test_links_lie_where_their_contacts_lie_and_carry_the_score_of_their_synapse():
    links = assign_partners(POLYAD, rule="top-pair", synapses=synapses_of(5, 6, 8, score=0.75))
    assert links["x_nm"].tolist() == [1.0, 3.0, 4.0]
    assert links["score"].tolist() == [0.75] * 3


@pytest.mark.parametrize("options", [{"rule": "nearest"}, {"min_contact_voxels": 0}])
def test_unknown_rules_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options)).replace("rule", "partner rule")):
        assign_partners(POLYAD, **options)
    assert RULES == ("all-pairs", "top-pair", "partners", "pre-post")


@pytest.mark.parametrize("rule", ["partners", "pre-post"])
def test_a_rule_never_guesses_a_direction(rule):
    with pytest.raises(InputError, match=r"do not say which side is presynaptic.*choose all-pairs or top-pair"):
        assign_partners(POLYAD, rule=rule)


def test_contacts_must_be_contacts():
    with pytest.raises(SchemaError, match="synapse_contacts table lacks the column 'segment_b'"):
        assign_partners(POLYAD.drop(columns="segment_b"))


def test_each_reason_and_their_order():
    contacts = contacts_of(
        (1, 10, 11, 5),  # attached
        (2, 10, 11, 1), (2, 10, 99, 8),  # below the minimum, and a pair filtered: the first reason holds
        (3, 10, 99, 8),  # 99 is not kept
        (9, 98, 99, 8),
    )  # fmt: skip
    touches = pd.DataFrame(
        {"synapse_id": [1, 1, 2, 2, 3, 5, 5, 6, 6, 7], "segment_id": [10, 11, 10, 99, 10, 10, 99, 10, 11, 99]},
        dtype="uint64",
    )
    links = assign_partners(contacts[contacts["segment_b"] == 11], min_contact_voxels=2)
    synapses = synapses_of(1, 2, 3, 4, 5, 6, 7, 9)
    table = attach_synapses(synapses, links, contacts, touches, np.array([10, 11], "u8"))
    assert dict(zip(table["synapse_id"], table["unattached_reason"], strict=True)) == {
        1: "",
        2: "below_contact",
        3: "partner_filtered",
        4: "no_segment",
        5: "one_segment",
        6: "no_common_voxel",
        7: "no_segment",
        9: "partner_filtered",
    }
    assert table["attached"].tolist() == [True] + [False] * 7
    assert set(table["unattached_reason"]) - {""} == set(UNATTACHED_REASONS)
    assert not synapses["attached"].any(), "the table given was changed"


def test_without_any_row():
    assert len(assign_partners(empty_table("synapse_contacts"))) == 0
    touches = pd.DataFrame({"synapse_id": [], "segment_id": []}, dtype="uint64")
    nothing = attach_synapses(
        empty_table("synapses"),
        empty_table("links"),
        empty_table("synapse_contacts"),
        touches,
        np.empty(0, "u8"),
    )
    assert nothing.dtypes.equals(empty_table("synapses").dtypes)
