"""Tables on disk, and connectomes in files of many makes."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from connectograph.errors import InputError, SchemaError
from connectograph.io.graphs import write_graphml
from connectograph.io.tables import read_edges, read_match, read_table, write_table
from connectograph.tables import SCHEMAS, empty_table, make_table

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared data folder is not here")

EDGE = ["source", "target", "n_synapses"]
EXTREMES = [0, 1, 2**53 - 1, 2**53 + 1, 2**63 - 1, 2**63 + 1, 2**64 - 3, 2**64 - 1]

ids = st.sampled_from(EXTREMES) | st.integers(0, 2**64 - 1)
cells = {
    "uint64": ids,
    "int64": st.integers(0, 2**63 - 1),
    "float64": st.floats(allow_infinity=False),
    "bool": st.booleans(),
    "str": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
    | st.sampled_from(
        ["=HYPERLINK(1)", "+1", "-1", "@a", "\ta", "\ra", "a\rb", "\na", " =1", "  @", 'a"b', "a,b", "", " "]
    ),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, pd.DataFrame]:
    name = draw(st.sampled_from(sorted(SCHEMAS)))
    n = draw(st.integers(0, 4))
    columns = {column: draw(st.lists(cells[dtype], min_size=n, max_size=n)) for column, dtype in SCHEMAS[name].items()}
    return name, make_table(name, columns)


def edge_rows(path: Path, **options: Any) -> list[tuple[int, ...]]:
    """(source, target, n_synapses) of a connectome file."""
    return [tuple(map(int, row)) for row in read_edges(path, **options).edges[EDGE].itertuples(index=False)]


def text_file(folder: Path, text: str, name: str = "a.csv") -> Path:
    (folder / name).write_text(text, newline="")
    return folder / name


# --- tables


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@given(tables())
@settings(max_examples=60, deadline=None)
def test_tables_come_back_exactly(
    suffix: str, tmp_path_factory: pytest.TempPathFactory, case: tuple[str, pd.DataFrame]
) -> None:
    name, table = case
    folder = tmp_path_factory.mktemp("table")
    write_table(table, folder / f"a.{suffix}")
    pd.testing.assert_frame_equal(read_table(folder / f"a.{suffix}", name), table, check_exact=True)
    write_table(table.copy(), folder / f"b.{suffix}")
    assert (folder / f"a.{suffix}").read_bytes() == (folder / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize("name", sorted(SCHEMAS))
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_empty_tables_keep_their_columns(tmp_path: Path, name: str, suffix: str) -> None:
    write_table(empty_table(name), tmp_path / f"a.{suffix}")
    pd.testing.assert_frame_equal(read_table(tmp_path / f"a.{suffix}", name), empty_table(name))


def test_feather_is_read(tmp_path: Path) -> None:
    table = make_table(
        "contactome", {"segment_a": [1], "segment_b": [2**64 - 1], "n_voxels": [3], "n_faces": [4], "area_nm2": [0.5]}
    )
    feather.write_feather(table, tmp_path / "a.feather")
    pd.testing.assert_frame_equal(read_table(tmp_path / "a.feather", "contactome"), table)


def test_parquet_holds_plain_columns_and_no_versions(tmp_path: Path) -> None:
    write_table(empty_table("edge_outcomes"), tmp_path / "a.parquet")
    schema = parquet.read_schema(tmp_path / "a.parquet")
    assert schema.metadata is None
    assert schema.field("source").type == pa.uint64()
    assert schema.field("outcome").type == pa.string()


def test_parquet_in_a_folder_that_looks_like_a_partition(tmp_path: Path) -> None:
    folder = tmp_path / "source=3"
    folder.mkdir()
    write_table(pd.DataFrame({"source": np.array([7], np.uint64)}), folder / "a.parquet")
    assert read_table(folder / "a.parquet").to_dict("list") == {"source": [7]}


def test_pitfall_csv_formulas(tmp_path: Path) -> None:
    """F06: no text cell begins as a formula does; numbers are as they were."""
    evil = ["=HYPERLINK(1)", "+1", "-1", "@a", "\ta", "\ra", " =1", "plain"]
    table = pd.DataFrame({"=model": evil, "z_nm": [-1.5] * 8, "n": [-3] * 8})
    write_table(table, tmp_path / "a.csv")
    rows = list(csv.reader(io.StringIO((tmp_path / "a.csv").read_bytes().decode(), newline="")))
    assert not any(cell.startswith(tuple("=+@\t\r\n")) for row in rows for cell in row)
    assert [row[0] for row in rows[1:]] == [" " + text for text in evil[:-1]] + ["plain"]
    assert {tuple(row[1:]) for row in rows[1:]} == {("-1.5", "-3")}


def test_csv_bytes(tmp_path: Path) -> None:
    row = {"source": [2**64 - 3], "target": [5], "n_synapses": [3], "n_voxels": [0], "z_nm": [0.1], "y_nm": [math.nan]}
    write_table(make_table("edges", {**row, "x_nm": [1e-7]}), tmp_path / "a.csv")
    expected = "source,target,n_synapses,n_voxels,z_nm,y_nm,x_nm\n18446744073709551613,5,3,0,0.1,,1e-07\n"
    assert (tmp_path / "a.csv").read_bytes() == expected.encode()


def test_unknown_csv_columns_stay_text(tmp_path: Path) -> None:
    file = text_file(tmp_path, "source,root\n3,864691136040432127\n4,\n")
    assert read_table(file).to_dict("list") == {"source": [3, 4], "root": ["864691136040432127", ""]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,target\n1,2\n", "lacks the column 'n_synapses'"),
        ("source,target,n_synapses,n_voxels,z_nm,y_nm,x_nm\n1,2,x,0,,,\n", r"column 'n_synapses', row 1: 'x' found"),
        ("source,target,n_synapses,n_voxels,z_nm,y_nm,x_nm\n1,,1,0,,,\n", r"column 'target', row 1: '' found; ids are"),
        ("source,target,n_synapses,n_voxels,z_nm,y_nm,x_nm\n1,2,1\n", "is no table of 7 columns"),
        ("source,source\n1,2\n", "names a column twice: source"),
        ("", "is empty"),
        ("\n", "begins with an empty line"),
        ("a\0b", "not text"),
    ],
)
def test_broken_csv_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_table(text_file(tmp_path, text), "edges")


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("source,target,größe\n1,2,3\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.csv is not text in UTF-8"):
        read_edges(tmp_path / "a.csv")


def test_flags_are_true_or_false(tmp_path: Path) -> None:
    file = text_file(tmp_path, "attached\nTrue\nfalse\n")
    assert read_table(file)["attached"].tolist() == [True, False]
    with pytest.raises(SchemaError, match="column 'attached', row 2: '2' found; expected True or False"):
        read_table(text_file(tmp_path, "attached\nTrue\n2\n"))


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read: No such file"):
        read_table(tmp_path / "a.csv")
    with pytest.raises(InputError, match=r"expected a file in \.csv"):
        read_table(tmp_path / "a.hdf")
    for suffix in ("parquet", "feather"):
        (tmp_path / f"a.{suffix}").write_bytes(b"<html>")
        with pytest.raises(InputError, match=f"cannot be read as {suffix}"):
            read_table(tmp_path / f"a.{suffix}")
    with pytest.raises(InputError, match=r"written as \.parquet or \.csv; found '\.xlsx'"):
        write_table(empty_table("edges"), tmp_path / "a.xlsx")
    with pytest.raises(SchemaError, match="mixes types"):
        write_table(pd.DataFrame({"a": [1, "b"]}), tmp_path / "a.parquet")
    assert not (tmp_path / "a.xlsx").exists()


# --- connectomes: edge tables


def test_edge_table_folds_directions_and_sums_repeated_pairs(tmp_path: Path) -> None:
    file = text_file(tmp_path, "source,target,n_synapses\n9,4,2\n4,9,3\n4,9,1\n4,4,5\n7,8,0\n")
    found = read_edges(file)
    assert edge_rows(file) == [(4, 4, 5), (4, 9, 6)]
    assert edge_rows(file, directed=True) == [(4, 4, 5), (4, 9, 4), (9, 4, 2)]
    assert found.nodes.tolist() == [4, 7, 8, 9]
    assert found.nodes.dtype == np.uint64
    assert (found.directed, found.name) == (False, str(file))
    assert found.edges["n_voxels"].tolist() == [0, 0]
    assert found.edges[["z_nm", "y_nm", "x_nm"]].isna().to_numpy().all()


@pytest.mark.parametrize(
    "header",
    [
        "pre,post,weight",
        "Source,TARGET,Count",
        "pre_id,post_id,syn_count",
        "bodyId_pre,bodyId_post,weight",
        "pre_root_id,post_root_id,n_synapses",
    ],
)
def test_other_names_of_the_columns(tmp_path: Path, header: str) -> None:
    assert edge_rows(text_file(tmp_path, f"{header}\n5,3,2\n")) == [(3, 5, 2)]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", " "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_dialects_of_csv(tmp_path: Path, delimiter: str, end: str) -> None:
    lines = [["\ufeffsource", "target", "n_synapses"], ["5", "18446744073709551613", "2"], ["6", "7", "1.0"]]
    file = text_file(tmp_path, end.join(delimiter.join(line) for line in lines) + end, "a.txt")
    assert edge_rows(file) == [(5, 2**64 - 3, 2), (6, 7, 1)]


def test_header_alone_is_an_empty_connectome(tmp_path: Path) -> None:
    for text in ("source,target,n_synapses", "source,target,n_synapses\n", "synapse_id,source,target\n"):
        found = read_edges(text_file(tmp_path, text))
        pd.testing.assert_frame_equal(found.edges, empty_table("edges"))
        assert (len(found.nodes), found.nodes.dtype) == (0, np.uint64)


def test_positions_and_voxels_are_kept(tmp_path: Path) -> None:
    columns = {"source": [4, 2], "target": [2, 4], "n_synapses": [1, 2], "n_voxels": [10, 30]}
    table = make_table("edges", {**columns, "z_nm": [1.0, 2.0], "y_nm": [3.0, 4.0], "x_nm": [5.0, 6.0]})
    write_table(table, tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(read_edges(tmp_path / "a.parquet", directed=True).edges, table)
    folded = read_edges(tmp_path / "a.parquet").edges.iloc[0]
    assert folded.tolist() == [2, 4, 3, 40, 2.0, 4.0, 6.0]  # lies where most voxels are


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,2,3\n,2,1", r"column 'source', row 2: '' found; ids are whole numbers"),
        ("1,2,3\n5,2.0,1", r"column 'target', row 2: '2\.0' found"),
        ("1,nan,3", r"column 'target', row 1: 'nan' found"),
        ("-1,2,3\n-2,2,1", r"column 'source', row 1: '-1' found; .* \(2 such rows\)"),
        ("0x10,2,3", "'0x10' found"),
        ("1,18446744073709551616,3", "'18446744073709551616' found"),
        ("1,2,-1", r"column 'n_synapses', row 1: '-1' found; counts are"),
        ("1,2,1.5", r"'1\.5' found; counts are whole numbers"),
        ("1,2,", r"column 'n_synapses', row 1: '' found"),
        ("1,2,0x10", r"'0x10' found; expected a number"),
        ("1,2,many", r"column 'n_synapses', row 1: 'many' found; expected a number"),
        ("1,2,3\n1,2", "is no table of 3 columns"),
        ("0,2,3", "a neuron 0, which means 'no segment'"),
        ("1,2,9000000000000000000\n2,1,9000000000000000000", "add up to more than 2\\^63"),
    ],
)
def test_bad_cells_are_refused(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(SchemaError if "no table" not in message else InputError, match=message):
        read_edges(text_file(tmp_path, f"source,target,n_synapses\n{rows}\n"))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("a,b,n_synapses", "has the columns a, b, n_synapses; expected source, target and n_synapses"),
        ("source,target,num", "Rename them; understood are source: source, pre,"),
        ("pre,pre_id,post", "has pre and pre_id: name the one to use as 'source'"),
        ("synapse_id,source,target,weight", "has both 'weight' \\(edges\\) and 'synapse_id' \\(synapses\\)"),
        (",1,2", "has the columns"),
    ],
)
def test_columns_that_fit_no_form_are_refused(tmp_path: Path, header: str, message: str) -> None:
    row = ",".join("1" for _ in header.split(","))
    with pytest.raises(SchemaError, match=message):
        read_edges(text_file(tmp_path, f"{header}\n{row}\n"))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([1.0, 2.0]), "row 1: 1.0 is of type double; ids are"),
        (pa.array([1, None]), "row 2: None found"),
        (pa.array([3, -7]), "row 2: -7 found"),
        (pa.array([None, "3"]), "row 1: None found"),
        (pa.array([True, False]), "is of type bool"),
    ],
)
def test_ids_in_binary_tables(tmp_path: Path, column: Any, message: str) -> None:
    table = pa.table({"source": column, "target": pa.array([8, 9], pa.uint64()), "n_synapses": [1, 1]})
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(SchemaError, match=f"column 'source', {message}" if "row" in message else message):
        read_edges(tmp_path / "a.parquet")


def test_counts_in_binary_tables(tmp_path: Path) -> None:
    for counts in ([1.0, 2.0], [1, 2], pa.array([1, 2], pa.uint8())):
        feather.write_feather(pa.table({"source": [1, 2], "target": [3, 4], "count": counts}), tmp_path / "a.feather")
        assert edge_rows(tmp_path / "a.feather") == [(1, 3, 1), (2, 4, 2)]
    for counts in ([1.5, 2.0], [1, None], [math.nan, 1.0], [math.inf, 1.0]):
        feather.write_feather(pa.table({"source": [1, 2], "target": [3, 4], "count": counts}), tmp_path / "a.feather")
        with pytest.raises(SchemaError, match="counts are whole numbers"):
            read_edges(tmp_path / "a.feather")
    feather.write_feather(pa.table({"source": [1], "target": [3], "count": [[1]]}), tmp_path / "a.feather")
    with pytest.raises(SchemaError, match="expected numbers"):
        read_edges(tmp_path / "a.feather")


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 3)), max_size=12), st.booleans())
@settings(max_examples=60, deadline=None)
def test_edges_are_sums_over_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int]], directed: bool
) -> None:
    base = 2**64 - 9
    lines = [f"{base + a},{base + b},{n}\n" for a, b, n in rows]
    file = text_file(tmp_path_factory.mktemp("edges"), "source,target,n_synapses\n" + "".join(lines))
    expected: dict[tuple[int, int], int] = {}
    for a, b, n in rows:
        pair = (base + a, base + b) if directed else (base + min(a, b), base + max(a, b))
        expected[pair] = expected.get(pair, 0) + n
    assert edge_rows(file, directed=directed) == sorted((*pair, n) for pair, n in expected.items() if n)


# --- connectomes: synapse tables


def test_synapse_table_counts_distinct_synapses(tmp_path: Path) -> None:
    file = text_file(tmp_path, "synapse_id,source,target\n1,4,9\n2,9,4\n2,4,9\n2,4,9\n3,4,7\n")
    assert edge_rows(file) == [(4, 7, 1), (4, 9, 2)]
    assert edge_rows(file, directed=True) == [(4, 7, 1), (4, 9, 2), (9, 4, 1)]


def test_pitfall_counts_beyond_a_byte(tmp_path: Path) -> None:
    """F15: 255, 256, 257 and 70,000 synapses on a pair."""
    for n in (255, 256, 257, 70_000):
        rows = "".join(f"{i},1,2\n" for i in range(1, n + 1))
        assert edge_rows(text_file(tmp_path, "synapse_id,source,target\n" + rows)) == [(1, 2, n)]


def test_links_table_is_aggregated_as_links_are(tmp_path: Path) -> None:
    columns = {
        "synapse_id": [5, 6, 7],
        "source": [1, 1, 1],
        "target": [2, 2, 3],
        "directed": [True] * 3,
        "n_voxels": [4, 9, 9],
    }
    score = [math.nan] * 3
    links = make_table(
        "links", {**columns, "score": score, "z_nm": [1.0, 2.0, 3.0], "y_nm": [0.0] * 3, "x_nm": [0.0] * 3}
    )
    for suffix in ("parquet", "csv"):
        write_table(links, tmp_path / f"a.{suffix}")
        edges = read_edges(tmp_path / f"a.{suffix}", directed=True).edges
        assert edges[[*EDGE, "n_voxels", "z_nm"]].to_dict("list") == {
            "source": [1, 1],
            "target": [2, 3],
            "n_synapses": [2, 1],
            "n_voxels": [13, 9],
            "z_nm": [2.0, 3.0],
        }
        with pytest.raises(InputError, match="says that its connections are directed: pass --directed"):
            read_edges(tmp_path / f"a.{suffix}")
    mixed = links.assign(directed=[True, False, True])
    write_table(mixed, tmp_path / "b.csv")
    with pytest.raises(SchemaError, match="some rows are directed and some are not"):
        read_edges(tmp_path / "b.csv")
    write_table(links.assign(directed=False), tmp_path / "c.csv")
    with pytest.raises(InputError, match="undirected: leave out --directed"):
        read_edges(tmp_path / "c.csv", directed=True)


def test_rows_without_count_or_synapse_id_are_one_synapse_each(tmp_path: Path) -> None:
    assert edge_rows(text_file(tmp_path, "pre,post\n1,2\n2,1\n3,1\n")) == [(1, 2, 2), (1, 3, 1)]


# --- connectomes: matrices


def test_square_matrix(tmp_path: Path) -> None:
    file = text_file(tmp_path, "1,2,0\n3,0,0\n0,0,0\n")
    assert edge_rows(file) == [(1, 1, 1), (1, 2, 5)]
    assert edge_rows(file, directed=True) == [(1, 1, 1), (1, 2, 2), (2, 1, 3)]
    assert read_edges(file).nodes.tolist() == [1, 2, 3]


def test_oblong_matrix(tmp_path: Path) -> None:
    file = text_file(tmp_path, "1,0,257,0\n0,0,3.0,0\n")
    assert edge_rows(file) == edge_rows(file, directed=True) == [(1, 3, 1), (1, 5, 257), (2, 5, 3)]
    assert read_edges(file).nodes.tolist() == [1, 2, 3, 4, 5, 6]


def test_matrix_as_numpy_writes_it(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).integers(0, 3, (4, 9))
    np.savetxt(tmp_path / "a.txt", matrix)
    rows, columns = np.nonzero(matrix)
    expected = [(r + 1, c + 5, matrix[r, c]) for r, c in zip(rows.tolist(), columns.tolist(), strict=True)]
    assert edge_rows(tmp_path / "a.txt") == expected


def test_matrix_of_zeros_has_nodes_and_no_edge(tmp_path: Path) -> None:
    found = read_edges(text_file(tmp_path, "0,0\n0,0\n"))
    assert len(found.edges) == 0
    assert found.nodes.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n-3,0\n", "column 1, row 2: -3 found; counts are whole numbers"),
        ("1,2\n0.5,0\n", "column 1, row 2: 0.5 found"),
        ("1,2\n3,\n", "column 2, row 2: None found"),
        ("1,2\n3,x\n", "column 2, row 2: 'x' found; expected a number"),
        ("nan,2\n3,1\n", "column 1, row 1: None found"),
    ],
)
def test_bad_cells_of_a_matrix(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        read_edges(text_file(tmp_path, text))


def test_edge_list_without_header_is_not_taken_for_a_matrix(tmp_path: Path) -> None:
    for text in ("12,15,3\n13,15,1\n15,12,2\n16,12,2\n", "12,15\n13,15\n15,12\n"):
        with pytest.raises(InputError, match="rather an edge list than a count matrix"):
            read_edges(text_file(tmp_path, text))


# --- connectomes: graphs


@pytest.mark.parametrize("directed", [False, True])
def test_graphml_connectome(tmp_path: Path, directed: bool) -> None:
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_edge(2**64 - 3, 7, n_synapses=2, n_voxels=5, z_nm=1.0, y_nm=2.0, x_nm=3.0)
    graph.add_edge(7, 8, n_synapses=1, n_voxels=4)
    graph.add_node(9)
    write_graphml(graph, tmp_path / "a.graphml")
    found = read_edges(tmp_path / "a.graphml", directed=directed)
    big = (2**64 - 3, 7, 2) if directed else (7, 2**64 - 3, 2)
    assert edge_rows(tmp_path / "a.graphml", directed=directed) == sorted([big, (7, 8, 1)])
    assert found.nodes.tolist() == [7, 8, 9, 2**64 - 3]
    assert sorted(found.edges["z_nm"].tolist(), key=math.isnan)[0] == 1.0
    with pytest.raises(InputError, match="--directed"):
        read_edges(tmp_path / "a.graphml", directed=not directed)


def test_graphml_of_others(tmp_path: Path) -> None:
    for graph, n in ((nx.Graph([(1, 2, {"weight": 3.0})]), 3), (nx.Graph([(1, 2)]), 1)):
        nx.write_graphml_xml(graph, tmp_path / "a.graphml")
        assert edge_rows(tmp_path / "a.graphml") == [(1, 2, n)]
    nx.write_graphml_xml(nx.Graph([(1, 2, {"size": 3.0})]), tmp_path / "a.graphml")
    with pytest.raises(SchemaError, match="expected source, target and n_synapses"):
        read_edges(tmp_path / "a.graphml")
    nx.write_graphml_xml(nx.Graph(), tmp_path / "a.graphml")
    assert edge_rows(tmp_path / "a.graphml") == []


def test_edgelist(tmp_path: Path) -> None:
    text = "# by networkx\n1 2 {'weight': 3}\n2 1 {}\n4 5\n7 type axon\n\n"
    file = text_file(tmp_path, text, "a.edgelist")
    assert edge_rows(file) == [(1, 2, 4), (4, 5, 1)]
    assert read_edges(file).nodes.tolist() == [1, 2, 4, 5, 7]
    with pytest.raises(SchemaError, match="line 2: \"1 2 \\{'weight': __import__"):
        read_edges(text_file(tmp_path, "1 2\n1 2 {'weight': __import__('os')}\n", "b.edgelist"))
    with pytest.raises(InputError, match="cannot be read"):
        read_edges(tmp_path / "c.edgelist")


def test_volume_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.hdf is no table: expected a file in"):
        read_edges(tmp_path / "a.hdf")


# --- real connectomes


@needs_data
def test_calyx_matrices() -> None:
    truth = read_edges(DATA / "synful_calyx/truth_counts.csv")
    predicted = read_edges(DATA / "synful_calyx/predicted_counts.csv")
    assert (len(truth.nodes), len(truth.edges), truth.edges["n_synapses"].sum()) == (666, 2837, 44657)
    assert (len(predicted.nodes), len(predicted.edges), predicted.edges["n_synapses"].sum()) == (666, 3074, 40386)
    assert truth.edges["source"].max() <= 138 < truth.edges["target"].min()
    pairs = [set(zip(found.edges["source"], found.edges["target"], strict=True)) for found in (truth, predicted)]
    # edge precision .9034 and recall .9789 (docs/PEERS.md)
    assert round(len(pairs[0] & pairs[1]) / 3074, 4) == 0.9034
    assert round(len(pairs[0] & pairs[1]) / 2837, 4) == 0.9789


@needs_data
def test_larva() -> None:
    left = read_edges(DATA / "larva_left_right/left_edges.csv", directed=True)
    assert (len(left.nodes), len(left.edges), left.edges["n_synapses"].sum()) == (1384, 31202, 102503)
    match = read_match(DATA / "larva_left_right/left_nodes.csv")
    assert set(match["truth_id"]) >= set(left.nodes.tolist())


@needs_data
def test_kasthuri() -> None:
    synapse = read_edges(DATA / "kasthuri2015/kasthuri2015_ramon_v4_graph_synapse.edgelist")
    touch = read_edges(DATA / "kasthuri2015/kasthuri2015_ramon_v4_graph_touch.edgelist")
    assert synapse.edges["n_synapses"].sum() == 1178
    assert (len(touch.edges), len(touch.nodes)) == (15680, 2718)


@needs_data
def test_cave() -> None:
    found = read_edges(DATA / "cave_tables/pre_syn.feather", directed=True)
    table = pd.read_feather(DATA / "cave_tables/pre_syn.feather")
    expected = table.groupby(["pre_pt_root_id", "post_pt_root_id"])["id"].nunique()
    assert edge_rows(DATA / "cave_tables/pre_syn.feather", directed=True) == [
        (*pair, n) for pair, n in expected.items()
    ]
    assert found.edges["n_synapses"].sum() == 259


# --- matches


def test_match_is_read_with_and_without_header(tmp_path: Path) -> None:
    expected = [(3, 8), (2**64 - 3, 5)]
    for header in ("truth,predicted\n", "", "left,right,group\n"):
        extra = ",x" if "group" in header else ""
        file = text_file(tmp_path, f"{header}18446744073709551613,5{extra}\n3,8{extra}\n")
        match = read_match(file)
        assert list(match.itertuples(index=False, name=None)) == expected
        assert set(match.dtypes) == {np.dtype("uint64")}
    assert len(read_match(text_file(tmp_path, "truth,predicted\n"))) == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,2\n3,2", "column 'predicted', row 2: 2 occurs again; each id is matched once"),
        ("1,2\n4,5\n1,3", "column 'truth', row 3: 1 occurs again"),
        ("1,2\n1,2", "row 2: 1 occurs again"),
        ("1,", "column 'predicted', row 1: '' found"),
        ("1,2.0", "'2.0' found"),
        ("-1,2", "'-1' found"),
        ("1,2\n3,0", "row 2: 0 means 'no segment'"),
    ],
)
def test_bad_matches_are_refused(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        read_match(text_file(tmp_path, f"truth,predicted\n{rows}\n"))


def test_match_with_one_column(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="has 1 column; expected two"):
        read_match(text_file(tmp_path, "truth\n1\n"))
