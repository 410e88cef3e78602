"""Tables in files as columns of arrow arrays, and columns as exact ids, counts and lengths.

Text is read as text: an id never passes through a number that could round it. Messages name the column and the row
(the first row below the header is row 1).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError, SchemaError
from connectograph.tables import as_ids

__all__ = ["TextLayout", "look_at_text", "read_columns", "read_text", "to_counts", "to_flags", "to_ids", "to_numbers"]

Columns = dict[str, Any]

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
BINARY_SUFFIXES = (".parquet", ".feather", ".arrow")

_NUMBER = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[nN][aA][nN]|[iI][nN][fF])")


@dataclass(frozen=True)
class TextLayout:
    """What the first line of a text table tells: its cells, what divides them, whether it is a header and the end."""

    cells: tuple[str, ...]
    delimiter: str
    has_header: bool
    has_more: bool


def read_columns(path: Path) -> Columns:
    """Columns of a CSV (as text), Parquet or Feather file by name, as arrow arrays.

    Raises
    ------
    InputError
        If the file cannot be read, is of another format, or names a column twice.
    """
    suffix = path.suffix.lower()
    if suffix in TEXT_SUFFIXES:
        return read_text(path, look_at_text(path))
    if suffix in BINARY_SUFFIXES:
        return _read_binary(path)
    raise InputError(f"{path} is no table: expected a file in {', '.join(TEXT_SUFFIXES + BINARY_SUFFIXES)}.")


def look_at_text(path: Path) -> TextLayout:
    """Layout of a text table, from its first line; a line of numbers alone is no header.

    Raises
    ------
    InputError
        If the file is missing, empty or not text.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as stream:
            line, more = stream.readline(2**26), stream.read(1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    foreign = "\0" in line or "\ufffd" in line  # the second stands for bytes that are no UTF-8
    if not line.strip() or foreign:
        found = "not text in UTF-8" if foreign else "empty" if not line else "a file that begins with an empty line"
        raise InputError(f"{path} is {found}; expected a header line such as source,target,n_synapses.")
    delimiter = max(",\t; ", key=line.count)
    cells = tuple(next(csv.reader([line], delimiter=delimiter)))
    return TextLayout(cells, delimiter, not all(_NUMBER.fullmatch(cell.strip()) for cell in cells), bool(more))


def read_text(path: Path, layout: TextLayout, *, infer: bool = False) -> Columns:
    """Columns of a text table by name ('1', '2', ... without a header), as text or (`infer`) as numbers.

    Raises
    ------
    InputError
        If a line has another number of cells, or a column is named twice.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    header = list(layout.cells) if layout.has_header else [str(i + 1) for i in range(len(layout.cells))]
    names = [name.strip() for name in header]
    _check_unique(path, names)
    if layout.has_header and not layout.has_more:
        return {name: pa.array([], pa.string()) for name in names}
    types = {} if infer else dict.fromkeys(header, pa.string())
    try:
        table = arrow_csv.read_csv(
            path,
            # a row must fit into a block
            arrow_csv.ReadOptions(column_names=None if layout.has_header else header, block_size=2**26),
            arrow_csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=not infer),
            arrow_csv.ConvertOptions(column_types=types, strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} is no table of {len(names)} columns: {error}") from error
    return dict(zip(names, table.columns, strict=True))


def to_ids(column: Any, where: str) -> npt.NDArray[np.uint64]:
    """Ids as uint64, exactly.

    Raises
    ------
    SchemaError
        If one is missing, negative, a float or no number; names the row.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = pc.utf8_trim_whitespace(column)
        _refuse(~_flat(pc.fill_null(pc.match_substring_regex(text, "^[0-9]{1,20}$"), False)), column, where, _ID_RULE)
        try:
            return _flat(pc.cast(text, pa.uint64())).astype(np.uint64)
        except pa.ArrowInvalid:  # some number of twenty digits is beyond 2^64-1
            _refuse(np.array([int(value) >= 2**64 for value in text.to_pylist()]), column, where, _ID_RULE)
    if not pa.types.is_integer(kind) and len(column):
        raise SchemaError(f"{where}, row 1: {column[0].as_py()!r} is of type {kind}; {_ID_RULE}.")
    _refuse(_flat(pc.is_null(column)), column, where, _ID_RULE)
    if pa.types.is_signed_integer(kind):
        _refuse(_flat(pc.less(column, 0)), column, where, _ID_RULE)
    return as_ids(_flat(column)) if len(column) else np.zeros(0, np.uint64)


def to_counts(column: Any, where: str) -> npt.NDArray[np.int64]:
    """Counts as int64; floats and text are accepted if they are whole numbers.

    Raises
    ------
    SchemaError
        If one is missing, negative or fractional; names the row.
    """
    numbers = to_numbers(column, where)
    with np.errstate(invalid="ignore"):
        bad = ~((numbers >= 0) & (numbers % 1 == 0) & (numbers < 2**63))
    _refuse(bad, column, where, "counts are whole numbers from 0")
    return numbers.astype(np.int64)


def to_numbers(column: Any, where: str) -> npt.NDArray[Any]:
    """Numbers as int64 or uint64 if the column holds nothing else, otherwise float64; a missing one is NaN.

    Raises
    ------
    SchemaError
        If a cell is no number; names the row.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _numbers_of_text(pc.utf8_trim_whitespace(column), where)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)):
        raise SchemaError(f"{where} has type {kind}; expected numbers.")
    if pa.types.is_integer(kind) and column.null_count == 0:
        return _flat(column)
    return _flat(pc.fill_null(pc.cast(column, pa.float64(), safe=False), np.nan)).astype(np.float64)


def to_flags(column: Any, where: str) -> npt.NDArray[np.bool_]:
    """True and False, from booleans or the words.

    Raises
    ------
    SchemaError
        If a cell is neither; names the row.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pc.utf8_lower(pc.cast(column, pa.string()))
    true, false = (_flat(pc.fill_null(pc.equal(words, word), False)) for word in ("true", "false"))
    _refuse(~(true | false), column, where, "expected True or False")
    return true.astype(np.bool_)


_ID_RULE = "ids are whole numbers from 0 to 2^64-1, never floats or missing"


def _read_binary(path: Path) -> Columns:
    import pyarrow as pa
    from pyarrow import feather, parquet

    try:
        with open(path, "rb") as stream:  # not by name: pyarrow would look for partitions in it
            parse = parquet.ParquetFile(stream).read if path.suffix.lower() == ".parquet" else None
            table = parse() if parse else feather.read_table(stream)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as {path.suffix[1:]}: {error}. Is the file complete?") from error
    _check_unique(path, table.column_names)
    return dict(zip(table.column_names, table.columns, strict=True))


def _check_unique(path: Path, names: list[str]) -> None:
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    if twice:
        raise InputError(f"{path} names a column twice: {', '.join(sorted(twice))}.")


def _numbers_of_text(text: Any, where: str) -> npt.NDArray[Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    _refuse(
        ~_flat(pc.fill_null(pc.match_substring_regex(text, f"^({_NUMBER.pattern})?$"), True)),
        text,
        where,
        "expected a number",
    )
    try:
        return _flat(pc.cast(text, pa.int64())).astype(np.int64)
    except pa.ArrowInvalid:
        values = pc.if_else(pc.equal(text, ""), "nan", text)
    return _flat(pc.fill_null(pc.cast(values, pa.float64()), np.nan)).astype(np.float64)


def _refuse(bad: npt.NDArray[np.bool_], column: Any, where: str, rule: str) -> None:
    if bad.any():
        row = int(bad.argmax())
        more = f" ({int(bad.sum())} such rows)" if bad.sum() > 1 else ""
        raise SchemaError(f"{where}, row {row + 1}: {column[row].as_py()!r} found; {rule}{more}.")


def _flat(column: Any) -> npt.NDArray[Any]:
    """An arrow array without missing values as a numpy array."""
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(whole.to_numpy(zero_copy_only=False))
