"""Tables larger than memory: summed and joined exactly, within the memory that is allowed."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectograph.cli import main
from connectograph.compare import compare_edges, compare_files, compare_weights
from connectograph.errors import InputError, SchemaError
from connectograph.graphs import align
from connectograph.io.large_tables import join_edges, sum_tables

GIB = 1 << 30
IDS = st.sampled_from([1, 2, 7, 2**32, 2**63, 2**64 - 4, 2**64 - 3])


def write(folder, name, rows, columns=("source", "target", "n_synapses"), dtypes=("uint64", "uint64", "int64")):
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    table = pd.DataFrame(
        {c: np.array(v, d) for c, v, d in zip(columns, values, dtypes, strict=True)},
    )
    table.to_parquet(Path(folder, name), row_group_size=3)
    return Path(folder, name)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.tuples(IDS, IDS, st.integers(-(2**55), 2**55)), max_size=12), min_size=1, max_size=3))
def test_sums_are_those_of_pandas_with_ids_of_64_bits(parts):
    with tempfile.TemporaryDirectory() as folder:
        files = [write(folder, f"[{k}]'*.parquet", rows) for k, rows in enumerate(parts)]
        output = Path(folder, "sum.parquet")
        n_rows = sum_tables(files, output, keys=["source", "target"], sums=["n_synapses"], max_memory=GIB)
        found = pd.read_parquet(output)
        expected = pd.concat(map(pd.read_parquet, files)).groupby(["source", "target"], as_index=False).sum()
        pd.testing.assert_frame_equal(found, expected)
        assert n_rows == len(expected)
        assert sorted(p.name for p in Path(folder).iterdir()) == sorted([*(f.name for f in files), "sum.parquet"])


def test_sums_between_the_largest_int64_and_the_largest_uint64(tmp_path):
    file = write(tmp_path, "a.parquet", [(7, 2**63), (7, 2**63 - 1)], ["segment_id", "n"], ["uint64", "uint64"])
    sum_tables([file], tmp_path / "sum.parquet", keys=["segment_id"], sums=["n"], max_memory=GIB)
    assert pd.read_parquet(tmp_path / "sum.parquet").to_dict("list") == {"segment_id": [7], "n": [2**64 - 1]}


@pytest.mark.parametrize(("dtype", "largest"), [("int64", 2**63 - 1), ("uint64", 2**64 - 1)])
def test_a_sum_that_does_not_fit_is_an_error_and_leaves_nothing(tmp_path, dtype, largest):
    file = write(tmp_path, "a.parquet", [(7, largest), (7, 1)], ["segment_id", "n"], ["uint64", dtype])
    with pytest.raises(SchemaError, match=r"does not fit the type of its column.*out of range"):
        sum_tables([file], tmp_path / "sum.parquet", keys=["segment_id"], sums=["n"], max_memory=GIB)
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


@settings(max_examples=15, deadline=None)
@given(
    *[st.lists(st.tuples(IDS, IDS, st.integers(0, 2**40)), max_size=25)] * 2,
    st.booleans(),
)
def test_a_join_on_disk_counts_as_one_in_memory(truth, predicted, directed):
    with tempfile.TemporaryDirectory() as folder:
        files = [write(folder, f"{name}.parquet", rows) for name, rows in (("t", truth), ("p", predicted))]
        score, weights = compare_files(*files, directed=directed, max_memory=GIB)
        both = align(*(add_up(pd.read_parquet(file), directed) for file in files), directed=directed)
    assert score == compare_edges(both)
    expected = compare_weights(both)
    assert {name: getattr(expected, name) for name in vars(weights)} == vars(weights)
    assert weights.ruzicka == expected.ruzicka or np.isnan(expected.ruzicka)


def add_up(table, directed):
    """Oracle: one row a pair, those without a synapse left out."""
    if not directed:
        low, high = table[["source", "target"]].min(axis=1), table[["source", "target"]].max(axis=1)
        table = table.assign(source=low.astype("uint64"), target=high.astype("uint64"))
    table = table.groupby(["source", "target"], as_index=False).sum()
    return table[table["n_synapses"] > 0]


@pytest.mark.parametrize(
    ("rows", "dtypes", "words"),
    [
        ([(0, 2, 1)], ("uint64", "uint64", "int64"), r"'source' holds 0; expected 1 or more"),
        ([(1, 2, -3)], ("uint64", "uint64", "int64"), r"'n_synapses' holds -3; expected 0 or more"),
        ([(1, 2, 3)], ("float64", "uint64", "int64"), r"'source' is double; expected uint64 or int64"),
        ([(1, 2, None)], ("uint64", "uint64", "object"), r"'n_synapses' is null"),
    ],
)
def test_what_is_no_edge_is_refused_by_name(tmp_path, rows, dtypes, words):
    file = write(tmp_path, "a.parquet", rows, dtypes=dtypes)
    with pytest.raises(SchemaError, match=words):
        join_edges(file, file, max_memory=GIB)


def test_blank_cells_are_counted_not_summed(tmp_path):
    table = pd.DataFrame({"segment_id": pd.array([1, 1], "UInt64"), "n": pd.array([4, None], "Int64")})
    table.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(SchemaError, match=r"'n' has 1 blank cells"):
        sum_tables([tmp_path / "a.parquet"], tmp_path / "b.parquet", keys=["segment_id"], sums=["n"], max_memory=GIB)


def test_what_cannot_be_summed_is_said(tmp_path, monkeypatch):
    file = write(tmp_path, "a.parquet", [(1, 2, 3)])
    options = {"keys": ["source"], "sums": ["n_synapses"]}
    with pytest.raises(InputError, match=r"too little to sum tables: allow 512 MiB"):
        sum_tables([file], tmp_path / "b.parquet", **options, max_memory=100 << 20)
    with pytest.raises(InputError, match="at least one"):
        sum_tables([], tmp_path / "b.parquet", **options, max_memory=GIB)
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        sum_tables([tmp_path / "none.parquet"], tmp_path / "b.parquet", **options, max_memory=GIB)
    with pytest.raises(SchemaError, match="'weight' is no such column"):
        sum_tables([file], tmp_path / "b.parquet", keys=["source"], sums=["weight"], max_memory=GIB)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(InputError, match=r"pip install 'connectograph\[dask\]'"):
        sum_tables([file], tmp_path / "b.parquet", **options, max_memory=GIB)


TRUTH = [(2, 1, 3), (1, 2, 1), (2**64 - 4, 2, 5), (7, 7, 9), (8, 9, 0), (3, 4, 2)]
PREDICTED = [(1, 2, 2), (2, 2**64 - 4, 7), (5, 2, 1)]


def compare(capsys, *words):
    code = main(["compare", *map(str, words)])
    out, error = capsys.readouterr()
    return code, out.splitlines(), error


@pytest.mark.parametrize("direction", [(), ("--directed",)])
@pytest.mark.parametrize(("truth", "predicted"), [(TRUTH, PREDICTED), (PREDICTED, []), ([], []), (TRUTH, TRUTH)])
def test_the_command_prints_the_same_scores_within_a_limit(tmp_path, capsys, truth, predicted, direction):
    files = [write(tmp_path, name, rows) for name, rows in (("t.parquet", truth), ("p.parquet", predicted))]
    code, shown, _ = compare(capsys, *files, *direction)
    _, limited, _ = compare(capsys, *files, *direction, "--max-memory", "1GiB")
    assert code == 0
    verdict = re.sub(r" \(95 % interval [^)]*\)", "", shown[-5])
    assert [limited[1], *limited[-4:]] == [verdict, *shown[-4:]]
    assert limited[0].startswith("note: ")
    assert "leaves out intervals, all other measures, tables and reports" in limited[0]


def test_the_command_prints_scores_of_synapses_and_keeps_to_fail_under(tmp_path, capsys):
    files = [write(tmp_path, name, rows) for name, rows in (("t.parquet", TRUTH), ("p.parquet", PREDICTED))]
    code, shown, _ = compare(capsys, *files, "--max-memory", "1GiB", "--fail-under", "0.7")
    assert code == 1
    assert shown[2:] == [
        "weighted precision   0.7000",  # 2 + 5 of 10 synapses
        "weighted recall      0.6364",  # of 11
        "weighted F1          0.6667",
        "Ruzicka similarity   0.5000",
        "connectivity matrix  9 x 9",
        "precision            0.6667",
        "recall               0.6667",
        "F1                   0.6667",
    ]
    assert compare(capsys, *files, "--max-memory", "1GiB", "--fail-under", "0.6")[0] == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("{t}", "{t}", "--out", "{new}"), "--out does not go with --max-memory"),
        (("{t}", "{t}", "--card", "default"), "--card does not go with --max-memory"),
        (("{t}", "{t}", "--match", "m.csv"), "--match does not go with --max-memory"),
        (("{t}", "{t}", "--types", "m.csv"), "--types does not go with --max-memory"),
        (("{t}", "{t}", "--proofread", "1,2"), "--proofread does not go with --max-memory"),
        (("{t}", "{t}", "{t}"), "--max-memory compares one PREDICTED; found 2"),
        (("matrix.csv", "{t}"), "matrix.csv does not go with --max-memory: expected an edge table as .parquet"),
        (("{t}", "graph.graphml"), "graph.graphml does not go with --max-memory"),
        (("{t}", "none.parquet"), "none.parquet cannot be read as Parquet"),
        (("{said}", "{t}"), "column 'directed' is not False in 1 rows: pass --directed"),
        (("{t}", "{said}", "--directed"), None),
        (("{t}", "{t}", "--max-memory", "much"), "'much' is no size of memory"),
        (("{t}", "{t}", "--max-memory", "100MiB"), "100 MiB of memory are too little"),
    ],
)
def test_what_does_not_go_with_a_limit_is_refused_by_name(tmp_path, capsys, words, expected):
    columns, dtypes = ("source", "target", "n_synapses", "directed"), ("uint64", "uint64", "int64", "bool")
    said = write(tmp_path, "said.parquet", [(1, 2, 3, True)], columns, dtypes)
    paths = {"t": write(tmp_path, "t.parquet", TRUTH), "said": said, "new": tmp_path / "new"}
    code, shown, error = compare(capsys, "--max-memory", "1GiB", *(word.format(**paths) for word in words))
    if expected is None:
        assert code == 0
        return
    assert (code, shown) == (2, [])
    assert expected in error
    assert not paths["new"].exists()


LIMITED = """
import sys
from pathlib import Path
from connectograph.io.large_tables import join_edges, sum_tables
folder, limit = sys.argv[1], 600 << 20
files = [f"{folder}/{k}.parquet" for k in range(3)]
print(sum_tables(files, f"{folder}/sum.parquet", keys=["source", "target"], sums=["n_synapses"], max_memory=limit))
print(join_edges(files[0], files[1], directed=True, max_memory=limit).n_common)
status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) >> 10)
"""
"""The peak is that of the program alone: what getrusage says is inherited from whoever started it."""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_millions_of_rows_within_a_limit(tmp_path):
    rng, n = np.random.default_rng(3), 4_000_000
    keys = rng.permutation(3 * n)[: 2 * n].astype(np.uint64) + np.uint64(2**63)
    for k, chosen in enumerate((keys[:n], keys[n // 2 : n // 2 + n], keys[n:])):
        columns = {"source": chosen, "target": chosen ^ np.uint64(1 << 40), "n_synapses": np.ones(n, np.int64)}
        pd.DataFrame(columns).to_parquet(tmp_path / f"{k}.parquet")
    done = subprocess.run([sys.executable, "-c", LIMITED, tmp_path], capture_output=True, text=True, check=True)
    n_rows, n_common, peak_mib = map(int, done.stdout.split())
    assert (n_rows, n_common) == (2 * n, n // 2)
    assert peak_mib <= 600
    total = pd.read_parquet(tmp_path / "sum.parquet", columns=["n_synapses"])["n_synapses"].sum()
    assert total == 3 * n
