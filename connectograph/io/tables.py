"""Tables on disk: Parquet and CSV written, those and Feather read, with every id exact.

Ids in CSV are plain digits; read them elsewhere with ``dtype={"source": "uint64", ...}``. A text cell that a
spreadsheet would run as a formula (it begins with ``= + - @``, a tab or a line break) is written with a blank before
it, which is taken off again when the table is read; numbers are never changed.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pandas as pd

from connectograph.errors import InputError, SchemaError
from connectograph.io._columns import TEXT_SUFFIXES, Columns, read_columns, to_counts, to_flags, to_ids, to_numbers
from connectograph.io.edges import EdgeList, read_edges, read_match
from connectograph.io.files import write_atomic
from connectograph.tables import SCHEMAS, validate_table

__all__ = ["EdgeList", "read_edges", "read_match", "read_table", "write_table"]

_DTYPES = {column: dtype for schema in SCHEMAS.values() for column, dtype in schema.items()}
_FORMULA = r"^( *[=+\-@\t\r\n])"


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table; the same table gives the same bytes.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns of integers, floats, booleans or text; the index is not written.
    path : str or Path
        ``.parquet`` or ``.csv``. Written whole or not at all.

    Raises
    ------
    InputError
        If the format is another, or the file cannot be written.
    SchemaError
        If a column holds something else than its type says.

    Examples
    --------
    >>> import tempfile
    >>> table = pd.DataFrame({"source": pd.Series([2**64 - 3], dtype="uint64"), "cause": ["=1+1"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(table, f"{folder}/a.csv")
    ...     print(Path(folder, "a.csv").read_text(), end="")
    source,cause
    18446744073709551613, =1+1
    """
    file = Path(path)
    if file.suffix == ".parquet":
        write_atomic(file, lambda stream: _write_parquet(table, stream))
    elif file.suffix == ".csv":
        write_atomic(file, _format_csv(table))
    else:
        raise InputError(f"{file}: tables are written as .parquet or .csv; found {file.suffix!r}.")


def read_table(path: str | Path, name: str | None = None) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : str or Path
        ``.parquet``, ``.feather`` or ``.csv``.
    name : str, optional
        A key of :data:`connectograph.tables.SCHEMAS` that the table must follow. In CSV, columns that occur in a
        schema get its type and others stay text.

    Returns
    -------
    pandas.DataFrame
        Rows and columns in the order of the file.

    Raises
    ------
    InputError
        If the file cannot be read.
    SchemaError
        If a cell or a column does not fit; names column and row.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(pd.DataFrame({"source": pd.Series([2**64 - 3], dtype="uint64")}), f"{folder}/a.parquet")
    ...     read_table(f"{folder}/a.parquet")["source"].tolist()
    [18446744073709551613]
    """
    file = Path(path)
    columns = read_columns(file)
    if file.suffix.lower() in TEXT_SUFFIXES:
        table = _parse_text(columns, file)
    else:
        table = _to_frame({column: values.to_pandas() for column, values in columns.items()})
    return table if name is None else validate_table(name, table)


def _write_parquet(table: pd.DataFrame, stream: BinaryIO) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        arrays = {str(name): pa.array(column, from_pandas=True) for name, column in table.items()}
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SchemaError(f"a column of the table mixes types: {error}") from error
    text = [name for name, array in arrays.items() if array.type in (pa.string(), pa.large_string())]
    # no arrow or pandas schema in the file: both change with the versions of the two; and no dictionaries of numbers,
    # which take longer to make and then more room
    parquet.write_table(pa.table(arrays), stream, compression="zstd", store_schema=False, use_dictionary=text)


def _format_csv(table: pd.DataFrame) -> str:
    rows = list(zip(*(_cells(column) for _, column in table.items()), strict=True))
    header = [_escape(str(name)) for name in table.columns]
    # Python's csv does not quote a lone carriage return, which readers take for the end of the row
    text = _join_csv(header, rows, csv.QUOTE_MINIMAL)
    return _join_csv(header, rows, csv.QUOTE_NONNUMERIC) if "\r" in text else text


def _join_csv(header: list[str], rows: list[tuple[Any, ...]], quoting: Literal[0, 2]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=quoting)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _cells(column: pd.Series) -> list[Any]:
    """The cells of a column: text without formulas, nothing where it is undefined."""
    cells = column.tolist()
    if not pd.api.types.is_numeric_dtype(column.dtype):
        escaped = {cell: _escape(cell) for cell in set(cells)}
        return ["" if cell is None else escaped[cell] for cell in cells]
    return ["" if gone else cell for gone, cell in zip(column.isna(), cells, strict=True)] if column.hasnans else cells


def _escape(cell: Any) -> Any:
    return re.sub(_FORMULA, r" \1", cell) if isinstance(cell, str) else cell


def _parse_text(columns: Columns, file: Path) -> pd.DataFrame:
    import pyarrow.compute as pc

    parse = {"uint64": to_ids, "int64": to_counts, "float64": to_numbers, "bool": to_flags}
    result: dict[str, Any] = {}
    for name, column in columns.items():
        dtype = _DTYPES.get(name, "str")
        if dtype in parse:
            result[name] = pd.Series(parse[dtype](column, f"{file}: column {name!r}"), dtype=dtype)
        else:
            result[name] = pc.replace_substring_regex(column, f"^ {_FORMULA[1:]}", r"\1").to_pandas()
    return _to_frame(result)


def _to_frame(columns: dict[str, Any]) -> pd.DataFrame:
    """Columns as a table, text in the type that the schemas use."""
    table = pd.DataFrame(columns)
    text = {name: "str" for name in table.columns if _DTYPES.get(name) == "str"}
    return table.astype(text)
