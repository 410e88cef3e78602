"""Alignment of large edge tables: hashing of ids, sorting, joining."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectograph import SchemaError, align

LARGE = [0, 1, 7, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 3, 2**64 - 1]
tables = st.dictionaries(st.tuples(st.sampled_from(LARGE), st.sampled_from(LARGE)), st.integers(1, 9), max_size=25)


def table_of(edges):
    source, target = ([pair[end] for pair in edges] for end in (0, 1))
    columns = {"source": np.array(source, "u8"), "target": np.array(target, "u8")}
    return pd.DataFrame({**columns, "n_synapses": np.array(list(edges.values()), "i8")})


def rows_of(both):
    ends = (both.nodes[both.source].tolist(), both.nodes[both.target].tolist())
    return list(zip(*ends, both.truth.tolist(), both.predicted.tolist(), strict=True))


@given(tables, tables, st.lists(st.sampled_from([3, 2**64 - 2]), max_size=2))
def test_a_dictionary_finds_the_same(truth, predicted, nodes):
    both = align(table_of(truth), table_of(predicted), directed=True, nodes=nodes)
    pairs = sorted(pair for pair in {*truth, *predicted} if pair[0] != pair[1])
    assert rows_of(both) == [(*pair, truth.get(pair, 0), predicted.get(pair, 0)) for pair in pairs]
    assert both.nodes.tolist() == sorted({*nodes, *(end for pair in (*truth, *predicted) for end in pair)})
    assert both.autapses_truth == sum(a == b for a, b in truth)
    assert [array.dtype for array in (both.source, both.target, both.truth, both.predicted)] == [np.int64] * 4


@given(tables)
def test_the_order_of_rows_and_ends_does_not_matter(edges):
    once = {}
    for (a, b), n in edges.items():
        if (b, a) not in once:
            once[a, b] = n
    table = table_of(once)
    turned = table.rename(columns={"source": "target", "target": "source"})
    expected = rows_of(align(table.sort_values(["source", "target"]), table))
    assert rows_of(align(table, turned)) == expected
    assert rows_of(align(table.iloc[::-1], table.sample(frac=1, random_state=0))) == expected


@pytest.mark.parametrize("worth_threads", [0, 10**9])
def test_many_ids_and_unsorted_rows(worth_threads, monkeypatch):
    monkeypatch.setattr("connectograph._kernels.edges._WORTH_THREADS", worth_threads)
    rng = np.random.default_rng(0)
    ids = np.unique(rng.integers(0, 2**64, 3000, dtype=np.uint64))
    keys = rng.choice(len(ids) ** 2, 40_000, replace=False)
    keys = keys[keys // len(ids) != keys % len(ids)]
    left, right = keys[:25_000], keys[15_000:]
    weights = rng.integers(1, 2**40, len(keys))
    sides = [
        pd.DataFrame({"source": ids[part // len(ids)], "target": ids[part % len(ids)], "n_synapses": weight})
        for part, weight in ((left, weights[:25_000]), (right, weights[15_000:]))
    ]
    both = align(*sides, directed=True)
    pair = ["source", "target"]
    expected = sides[0].merge(sides[1], on=pair, how="outer", suffixes=("_truth", "_predicted")).sort_values(pair)
    assert (both.nodes[both.source] == expected["source"]).all()
    assert (both.nodes[both.target] == expected["target"]).all()
    assert (both.truth == expected["n_synapses_truth"].fillna(0)).all()
    assert (both.predicted == expected["n_synapses_predicted"].fillna(0)).all()


def test_three_columns_are_enough_and_inputs_stay_as_they_are():
    table = table_of({(7, 1): 3, (1, 7): 2})
    before = table.copy()
    for name in table:
        table[name].to_numpy().flags.writeable = False
    assert rows_of(align(table, table, directed=True)) == [(1, 7, 2, 2), (7, 1, 3, 3)]
    assert table.equals(before)
    with pytest.raises(SchemaError, match="lacks the column 'n_synapses'"):
        align(table.drop(columns="n_synapses"), table)
    with pytest.raises(SchemaError, match=r"edges\.source has type float64"):
        align(table.astype({"source": "f8"}), table)


def test_every_edge_has_a_synapse():
    with pytest.raises(SchemaError, match="1 pairs have fewer than 1 synapse, the first is 7 to 1 with 0"):
        align(table_of({(1, 7): 2, (7, 1): 0}), table_of({}), directed=True)


@pytest.mark.parametrize("pairs", [[(1, 7), (1, 7)], [(1, 7), (2, 3), (1, 7)], [(1, 7), (7, 1)]])
def test_a_pair_occurs_once(pairs):
    table = pd.concat([table_of({pair: 1}) for pair in pairs])
    with pytest.raises(SchemaError, match="a pair occurs twice"):
        align(table, table_of({}))
