"""The wrong connections of a run in the order of what they cost, with where to look."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from connectograph.errors import InputError
from connectograph.viewers.frame import Frame

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

__all__ = ["describe_error", "iterate_errors", "list_errors", "show_errors"]

_SIDES = {"fn": "truth", "fp": "predicted"}
_PAIR = ["source", "target"]
_PLACE = ["z_nm", "y_nm", "x_nm"]


def list_errors(tables: Mapping[str, pd.DataFrame], frame: Frame | None, *, most: int | None = None) -> pd.DataFrame:
    """Missed and false connections: most synapses first, then most voxels, then smallest ids.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Of an evaluation: ``edge_outcomes``; for sizes and synapses ``edges_*`` and ``links_*``, where there are any.
    frame : Frame or None
        The grid; without it there are no voxels.
    most : int, optional
        As many rows at most.

    Returns
    -------
    DataFrame
        ``outcome, source, target, synapse_id`` (of the synapse that the connection lies at; 0: not known),
        ``n_synapses, n_voxels, cause, z_nm, y_nm, x_nm, z, y, x`` (in voxels, see :class:`Frame`).

    Raises
    ------
    InputError
        If nothing was compared.

    Examples
    --------
    >>> import connectograph as cg
    >>> import networkx as nx
    >>> ev = cg.compare_connectomes(nx.Graph([(1, 2)]), nx.Graph([(1, 3)]))
    >>> list_errors(ev.tables, None)[["outcome", "source", "target"]].values.tolist()
    [['fn', 1, 2], ['fp', 1, 3]]
    """
    if "edge_outcomes" not in tables:
        raise InputError("This run has no errors to show: there was no prediction. Evaluate one with --predicted.")
    outcomes = tables["edge_outcomes"]
    parts = [_complete(outcomes[outcomes["outcome"] == kind], tables, side) for kind, side in _SIDES.items()]
    errors = pd.concat(parts, ignore_index=True)
    order = ["n_synapses", "n_voxels", "outcome", *_PAIR]
    errors = errors.sort_values(order, ascending=[False, False, True, True, True], ignore_index=True)
    errors = errors if most is None else errors.iloc[:most].copy()
    places = np.full((len(errors), 3), np.nan) if frame is None else frame.count_voxels(errors[_PLACE].to_numpy())
    for axis, values in zip("zyx", places.T, strict=True):
        errors[axis] = values
    return errors


def _complete(errors: pd.DataFrame, tables: Mapping[str, pd.DataFrame], side: str) -> pd.DataFrame:
    """Errors of one kind with what the side they come from says of them."""
    table = errors[["outcome", *_PAIR]].assign(n_synapses=errors[f"n_synapses_{side}"], cause=errors["cause"])
    table[_PLACE] = errors[_PLACE]
    links = tables.get(f"links_{side}")
    table = _join(table, None if links is None else _find_largest(links), "synapse_id", "uint64")
    table = _join(table, tables.get(f"edges_{side}"), "n_voxels", "int64")
    return table[["outcome", *_PAIR, "synapse_id", "n_synapses", "n_voxels", "cause", *_PLACE]]


def _find_largest(links: pd.DataFrame) -> pd.DataFrame:
    """The link at which each connection lies."""
    order = [*_PAIR, "n_voxels", "synapse_id"]
    return links.sort_values(order, ascending=[True, True, False, True]).drop_duplicates(_PAIR)


def _join(table: pd.DataFrame, other: pd.DataFrame | None, column: str, dtype: Any) -> pd.DataFrame:
    """A column of another table for the same pairs; 0 where it has none. Ids never pass through a float."""
    values = np.zeros(len(table), dtype)
    if other is not None and len(other):
        known = pd.MultiIndex.from_frame(other[_PAIR])
        found = known.get_indexer(pd.MultiIndex.from_frame(table[_PAIR]))
        values[found >= 0] = other[column].to_numpy(dtype)[found[found >= 0]]
    return table.assign(**{column: values})


def describe_error(error: Mapping[str, Any], *, directed: bool = False) -> str:
    """One error in words, ids in full.

    Examples
    --------
    >>> error = {"outcome": "fn", "source": 2**64 - 3, "target": 7, "synapse_id": 5, "n_synapses": 1, "cause": ""}
    >>> describe_error(error)
    'missed (fn): 18446744073709551613 – 7, synapse 5, 1 synapse'
    """
    word = {"fn": "missed (fn)", "fp": "false (fp)"}[error["outcome"]]
    parts = [f"{word}: {int(error['source'])} {'→' if directed else '–'} {int(error['target'])}"]
    if int(error["synapse_id"]):
        parts.append(f"synapse {int(error['synapse_id'])}")
    n_synapses = int(error["n_synapses"])
    parts.append(f"{n_synapses:,} synapse{'' if n_synapses == 1 else 's'}")
    return ", ".join([*parts, *([str(error["cause"])] if error["cause"] else [])])


def iterate_errors(errors: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries; ids stay whole numbers.

    Examples
    --------
    >>> iterate_errors(pd.DataFrame({"source": np.array([2**64 - 3], "uint64")}))
    [{'source': 18446744073709551613}]
    """
    return [{str(name): value for name, value in row.items()} for row in errors.to_dict("records")]


def show_errors(errors: pd.DataFrame, *, link_template: str | None = None, most: int = 200) -> Styler:
    """Errors as a table for a notebook: ids as text, outcomes in their colours, links that can be followed.

    Parameters
    ----------
    errors : DataFrame
        From :func:`list_errors`, or any selection of its rows.
    link_template : str, optional
        As in :func:`~connectograph.viewers.fill_template`.
    most : int
        Rows shown; the caption says how many there are.

    Returns
    -------
    pandas.io.formats.style.Styler
        Every text is escaped. Sort and select with pandas before.
    """
    from html import escape

    from connectograph.plots.style import COLOURS
    from connectograph.viewers.links import fill_template

    shown = errors.head(most)
    table = shown[["outcome", "n_synapses", "n_voxels", "cause", *_PLACE]].reset_index(drop=True)
    for place, name in enumerate((*_PAIR, "synapse_id"), start=1):
        table.insert(place, name, [str(int(value)) if int(value) else "" for value in shown[name]])
    if link_template is not None:
        links = [fill_template(link_template, row) for row in iterate_errors(shown)]
        table["link"] = [f'<a href="{escape(link)}" rel="noopener">open</a>' if link else "" for link in links]
    texts: list[Hashable] = [name for name in table.columns if name != "link"]
    styler = table.style.format(escape="html", precision=1, na_rep="not known", subset=texts)
    said = f"{len(errors):,} errors" if len(shown) == len(errors) else f"{len(shown):,} of {len(errors):,} errors"
    return (
        styler.map(lambda kind: f"color: {COLOURS.get(kind, COLOURS['ink'])}", subset=["outcome"])
        .hide(axis="index")
        .set_caption(said)
        .set_uuid("errors")
    )
