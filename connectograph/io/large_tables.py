"""Tables larger than memory: rows of many Parquet files summed, two edge tables joined and counted, by DuckDB.

What does not fit the memory that is allowed goes to temporary files. Sums are of 128-bit integers, so that none is
rounded and none wraps around; one that does not fit its column is an error.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from connectograph.errors import InputError, SchemaError
from connectograph.io.files import TEMPORARY, explain_errors, write_atomic

__all__ = ["JoinedCounts", "count_autapses", "count_nodes", "join_edges", "sum_tables"]

_PROGRAM_BYTES = 384 << 20
"""The interpreter, its libraries, and what DuckDB takes beyond its limit."""

_LEAST_BYTES = 128 << 20
"""With less than this DuckDB cannot even sort."""

_TYPES = {"uint64": "UBIGINT", "int64": "BIGINT"}


@dataclass(frozen=True)
class JoinedCounts:
    """What two edge tables have in common.

    Attributes
    ----------
    n_truth, n_predicted, n_common : int
        Edges of either table, and pairs that are an edge of both; autapses are not counted.
    total_truth, total_predicted, total_common : int
        Sums of their synapses, and of the smaller number of each common pair.
    """

    n_truth: int
    n_predicted: int
    n_common: int
    total_truth: int
    total_predicted: int
    total_common: int


def sum_tables(
    paths: Sequence[str | Path], output: str | Path, *, keys: Sequence[str], sums: Sequence[str], max_memory: int
) -> int:
    """Add up partial tables (contacts of parts of a volume, synapses of parts of a connectome) row by row.

    Parameters
    ----------
    paths : sequence of str or Path
        Parquet files of the same columns.
    output : str or Path
        Parquet file of the result, ordered by `keys`; written whole or not at all.
    keys : sequence of str
        Columns (uint64 or int64) that say which rows belong together.
    sums : sequence of str
        Columns (uint64 or int64) that are added.
    max_memory : int
        Bytes that this process may take.

    Returns
    -------
    int
        Number of rows written.

    Raises
    ------
    InputError
        If DuckDB is not installed, a file cannot be read, or the memory or the disk is too small.
    SchemaError
        If a column is missing or of another type, or a sum does not fit its type.

    Examples
    --------
    >>> import pandas as pd
    >>> part = pd.DataFrame({"segment_a": [2**64 - 4, 7], "n_voxels": [5, 2**61]}).astype({"segment_a": "uint64"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     part.to_parquet(f"{folder}/a.parquet")
    ...     n_rows = sum_tables([f"{folder}/a.parquet"] * 2, f"{folder}/sum.parquet", keys=["segment_a"],
    ...                         sums=["n_voxels"], max_memory=1 << 30)
    ...     pd.read_parquet(f"{folder}/sum.parquet").to_dict("list")
    {'segment_a': [7, 18446744073709551612], 'n_voxels': [4611686018427387904, 10]}
    """
    types = _check_columns(paths, [*keys, *sums])
    ids = ", ".join(map(_quote, keys))
    added = [f"CAST(sum({_quote(name)}) AS {_TYPES[types[name]]}) AS {_quote(name)}" for name in sums]
    query = f"SELECT {', '.join([ids, *added])} FROM {_read(paths)} GROUP BY {ids} ORDER BY {ids}"
    target = Path(output)
    with _connect(target.parent, max_memory) as (database, folder):
        _refuse_rows(database, paths, dict.fromkeys([*keys, *sums]))
        part = folder / "part.parquet"
        (n_rows,) = database.execute(
            f"COPY ({query}) TO {_literal(part)} (FORMAT parquet, COMPRESSION zstd)"
        ).fetchone()
        write_atomic(target, lambda stream: _copy(part, stream))
    return int(n_rows)


def join_edges(
    truth: str | Path, predicted: str | Path, *, directed: bool = False, max_memory: int, folder: str | Path = ""
) -> JoinedCounts:
    """Count the edges and synapses that two edge tables on disk have in common.

    Parameters
    ----------
    truth, predicted : str or Path
        Parquet files with `source`, `target` and `n_synapses` (uint64 or int64); rows of the same pair are added.
    directed : bool
        Keep the direction source to target; otherwise both directions of a pair are added.
    max_memory : int
        Bytes that this process may take.
    folder : str or Path
        For temporary files; by default the system's.

    Returns
    -------
    JoinedCounts

    Raises
    ------
    InputError, SchemaError
        As :func:`sum_tables`; also if a number of synapses is negative, an id is 0, or a column `directed` says
        otherwise than `directed`.

    Examples
    --------
    >>> import pandas as pd
    >>> edges = pd.DataFrame({"source": [1, 2], "target": [2, 3], "n_synapses": [4, 1]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, rows in (("truth", edges), ("predicted", edges.head(1))):
    ...         rows.to_parquet(f"{folder}/{name}.parquet")
    ...     join_edges(f"{folder}/truth.parquet", f"{folder}/predicted.parquet", max_memory=1 << 30)
    JoinedCounts(n_truth=2, n_predicted=1, n_common=1, total_truth=5, total_predicted=4, total_common=4)
    """
    for path in (truth, predicted):
        _check_columns([path], ["source", "target", "n_synapses"])
    with _connect(Path(folder or tempfile.gettempdir()), max_memory) as (database, _):
        _refuse_rows(database, [truth, predicted], {"source": 1, "target": 1, "n_synapses": 0})
        for path in (truth, predicted):
            _refuse_direction(database, path, directed)
        sides = ", ".join(f"{name} AS ({_pairs(path, directed)})" for name, path in (("t", truth), ("p", predicted)))
        both = "t.n IS NOT NULL AND p.n IS NOT NULL"
        found = database.execute(
            f"WITH {sides} SELECT count(t.n), count(p.n), count(*) FILTER ({both}), sum(t.n), sum(p.n), "
            f"sum(least(t.n, p.n)) FILTER ({both}) FROM t FULL JOIN p ON t.a = p.a AND t.b = p.b"
        ).fetchone()
    return JoinedCounts(*(int(value or 0) for value in found))


def count_nodes(paths: Sequence[str | Path], *, max_memory: int, folder: str | Path = "") -> int:
    """Count the neurons that edge tables on disk name, those with autapses alone among them.

    Parameters
    ----------
    paths : sequence of str or Path
        Parquet files with `source` and `target` (uint64 or int64).
    max_memory, folder
        As in :func:`join_edges`.

    Returns
    -------
    int

    Raises
    ------
    InputError, SchemaError
        As :func:`sum_tables`.

    Examples
    --------
    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pd.DataFrame({"source": [1, 2], "target": [2, 2**62]}).to_parquet(f"{folder}/edges.parquet")
    ...     count_nodes([f"{folder}/edges.parquet"] * 2, max_memory=1 << 30)
    3
    """
    for path in paths:
        _check_columns([path], ["source", "target"])
    ends = " UNION ".join(f"SELECT {name} FROM {_read([path])}" for path in paths for name in ("source", "target"))
    return _count_rows(ends, max_memory, folder)


def count_autapses(path: str | Path, *, max_memory: int, folder: str | Path = "") -> int:
    """Count the neurons that an edge table on disk joins with themselves, which :func:`join_edges` leaves out.

    Parameters
    ----------
    path : str or Path
        Parquet file with `source`, `target` and `n_synapses` (uint64 or int64).
    max_memory, folder
        As in :func:`join_edges`.

    Returns
    -------
    int

    Raises
    ------
    InputError, SchemaError
        As :func:`sum_tables`.

    Examples
    --------
    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     edges = pd.DataFrame({"source": [1, 2, 2], "target": [2, 2, 2], "n_synapses": [4, 1, 1]})
    ...     edges.to_parquet(f"{folder}/edges.parquet")
    ...     count_autapses(f"{folder}/edges.parquet", max_memory=1 << 30)
    1
    """
    _check_columns([path], ["source", "target", "n_synapses"])
    own = f"FROM {_read([path])} WHERE source = target GROUP BY source HAVING sum(n_synapses) > 0"
    return _count_rows(f"SELECT source {own}", max_memory, folder)


def _count_rows(query: str, max_memory: int, folder: str | Path) -> int:
    with _connect(Path(folder or tempfile.gettempdir()), max_memory) as (database, _):
        (n_rows,) = database.execute(f"SELECT count(*) FROM ({query})").fetchone()
    return int(n_rows)


def _pairs(path: str | Path, directed: bool) -> str:
    """Query for one row a pair: its ends and its synapses."""
    ends = "source AS a, target AS b" if directed else "least(source, target) AS a, greatest(source, target) AS b"
    return f"SELECT {ends}, sum(n_synapses) AS n FROM {_read([path])} WHERE source <> target GROUP BY a, b HAVING n > 0"


def _check_columns(paths: Sequence[str | Path], names: Sequence[str]) -> dict[str, str]:
    """Type of each column, which is the same in all files."""
    from pyarrow import ArrowException, parquet

    if not paths:
        raise InputError("No table was given: pass at least one Parquet file.")
    types: dict[str, str] = {}
    for path in paths:
        try:
            schema = parquet.read_schema(path)
        except (OSError, ArrowException) as error:
            raise InputError(f"{path} cannot be read as Parquet: {error}.") from error
        for name in names:
            found = str(schema.field(name).type) if name in schema.names else "no such column"
            if found not in _TYPES or types.setdefault(name, found) != found:
                expected = types.get(name) or " or ".join(_TYPES)
                raise SchemaError(f"{path}: column {name!r} is {found}; expected {expected}. Write it with that type.")
    return types


def _refuse_rows(database: Any, paths: Sequence[str | Path], lowest: Mapping[str, int | None]) -> None:
    """Refuse blank cells, and values below the lowest that a column may hold."""
    columns = ", ".join(f"count(*) - count({_quote(name)}), min({_quote(name)})" for name in lowest)
    for path in paths:
        found = database.execute(f"SELECT {columns} FROM {_read([path])}").fetchone()
        for k, (name, low) in enumerate(lowest.items()):
            blank, least = found[2 * k : 2 * k + 2]
            if blank:
                raise SchemaError(f"{path}: column {name!r} has {blank:,} blank cells; remove these rows.")
            if low is not None and least is not None and least < low:
                raise SchemaError(f"{path}: column {name!r} holds {least}; expected {low} or more. Remove such rows.")


def _refuse_direction(database: Any, path: str | Path, directed: bool) -> None:
    """Refuse a table that says itself that it is directed, or that it is not, where the caller says otherwise."""
    from pyarrow import parquet

    if "directed" not in parquet.read_schema(path).names:
        return
    other = f"TRY_CAST(directed AS BOOLEAN) IS DISTINCT FROM {directed}"
    (n_rows,) = database.execute(f"SELECT count(*) FROM {_read([path])} WHERE {other}").fetchone()
    if n_rows:
        fix = "leave out" if directed else "pass"
        raise InputError(f"{path}: column 'directed' is not {directed} in {n_rows:,} rows: {fix} --directed.")


@contextmanager
def _connect(folder: Path, max_memory: int) -> Iterator[tuple[Any, Path]]:
    """A database in memory, and a folder for what does not fit; both are gone afterwards."""
    try:
        import duckdb
    except ImportError:
        raise InputError(
            "Tables larger than memory are summed by DuckDB, which is not installed: pip install 'connectograph[dask]'."
        ) from None
    room = max_memory - _PROGRAM_BYTES
    if room < _LEAST_BYTES:
        least = (_PROGRAM_BYTES + _LEAST_BYTES) >> 20
        raise InputError(f"{max_memory >> 20} MiB of memory are too little to sum tables: allow {least} MiB or more.")
    with explain_errors(folder), tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=folder) as scratch:
        settings = {
            "memory_limit": f"{room // 2**20}MiB",
            "temp_directory": scratch,
            "threads": _count_threads(room),
            "preserve_insertion_order": False,
        }
        with duckdb.connect(":memory:", config=settings) as database:
            database.execute("SET enable_progress_bar = false")
            try:
                yield database, Path(scratch)
            except duckdb.ConversionException as error:
                raise SchemaError(f"A sum does not fit the type of its column: {_first_line(error)}.") from error
            except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
                raise InputError(
                    f"The tables cannot be summed: {_first_line(error)}. Allow more memory, or free space in {folder}."
                ) from error


def _count_threads(n_bytes: int) -> int:
    """Threads that a memory limit allows: each sorts and hashes in memory of its own."""
    return max(1, min(os.cpu_count() or 1, n_bytes // _LEAST_BYTES))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _read(paths: Sequence[str | Path]) -> str:
    """The table function for some files; what would match several names in them is taken as it stands."""
    plain = (_literal(re.sub(r"([*?[])", r"[\1]", str(path))) for path in paths)
    return f"read_parquet([{', '.join(plain)}])"


def _literal(path: str | Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _copy(path: Path, stream: BinaryIO) -> None:
    with open(path, "rb") as source:
        shutil.copyfileobj(source, stream, 1 << 20)
