"""Links of truth and prediction on common numbers, so that they can be compared synapse by synapse.

Conventions: a *case* is a row of the table of matches: a matched synapse, or one that only one side has; a *pair* is a
number for two different segments (ordered if directed). Autapses are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.errors import InputError
from connectograph.tables import validate_table

__all__ = ["LinkRows", "NumberedLinks", "number_links"]

_Counts: TypeAlias = npt.NDArray[np.int64]
_SIDES = ("truth", "predicted")


@dataclass(frozen=True, eq=False)
class LinkRows:
    """Links between different segments.

    Attributes
    ----------
    row : (L,) array of int64
        Row of the table "links".
    case, pair : (L,) arrays of int64
        The case of the synapse and the pair of segments that it joins.
    """

    row: _Counts
    case: _Counts
    pair: _Counts


@dataclass(frozen=True, eq=False)
class NumberedLinks:
    """Any tables of links on the same cases and pairs.

    Attributes
    ----------
    nodes : (N,) array of uint64
        Segment ids, ascending.
    source, target : (P,) arrays of int64
        Segments of each pair: positions in `nodes`. The other direction of every pair is a pair too.
    directed : bool
    in_truth, in_predicted : (C,) arrays of bool
        Which cases have a true synapse, and which a predicted one; a matched synapse has both.
    sides : mapping of str to LinkRows
        By the names the tables were given under.
    """

    nodes: npt.NDArray[np.uint64]
    source: _Counts
    target: _Counts
    directed: bool
    in_truth: npt.NDArray[np.bool_]
    in_predicted: npt.NDArray[np.bool_]
    sides: Mapping[str, LinkRows]

    @property
    def reverse(self) -> _Counts:
        """The pair of the other direction."""
        return np.searchsorted(self.source << 32 | self.target, self.target << 32 | self.source).astype(np.int64)

    def keys_of(self, side: str, *, reverse: bool = False) -> _Counts:
        """One number for case and pair of each link of a side; reversed: of the same link the other way round."""
        rows = self.sides[side]
        return rows.case * max(1, len(self.source)) + (self.reverse[rows.pair] if reverse else rows.pair)


def number_links(links: Mapping[str, tuple[str, pd.DataFrame]], matches: pd.DataFrame) -> NumberedLinks:
    """Bring tables of links onto the same cases and pairs.

    Parameters
    ----------
    links : mapping of str to (side, table)
        By any name: which side's synapses these are, "truth" or "predicted", and their table "links".
    matches : pandas.DataFrame
        `synapse_id_truth, synapse_id_predicted`, 0 where there is none: the table "synapse_matches".

    Returns
    -------
    NumberedLinks

    Raises
    ------
    InputError
        If a link's synapse is not in `matches`, or some links are directed and others are not.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> number_links({"truth": ("truth", empty_table("links"))}, empty_table("synapse_matches")).directed
    False
    """
    tables = {name: validate_table("links", table) for name, (_, table) in links.items()}
    directed = _find_direction(tables)
    ids = {side: matches[f"synapse_id_{side}"].to_numpy() for side in _SIDES}
    ends = [table[end].to_numpy() for table in tables.values() for end in ("source", "target")]
    nodes = np.unique(np.concatenate(ends))
    keys = {name: _join_ends(table, nodes, directed) for name, table in tables.items()}
    joined = np.concatenate([key for _, key in keys.values()])
    pairs = np.unique(np.concatenate([joined, (joined & 0xFFFFFFFF) << 32 | joined >> 32]))
    sides = {
        name: LinkRows(row, _find_cases(tables[name], row, ids[links[name][0]], name), np.searchsorted(pairs, key))
        for name, (row, key) in keys.items()
    }
    in_truth, in_predicted = (ids[side] != 0 for side in _SIDES)
    return NumberedLinks(nodes, pairs >> 32, pairs & 0xFFFFFFFF, directed, in_truth, in_predicted, sides)


def _find_direction(tables: Mapping[str, pd.DataFrame]) -> bool:
    found = {bool(flag) for table in tables.values() for flag in table["directed"].unique()}
    if len(found) > 1:
        raise InputError("Some links are directed and others are not: attribute like with like.")
    return found == {True}


def _join_ends(table: pd.DataFrame, nodes: npt.NDArray[np.uint64], directed: bool) -> tuple[_Counts, _Counts]:
    """Rows that join different segments, and both ends of each as one number."""
    source, target = (np.searchsorted(nodes, table[end].to_numpy()).astype(np.int64) for end in ("source", "target"))
    if not directed:
        source, target = np.minimum(source, target), np.maximum(source, target)
    row = np.flatnonzero(source != target)
    return row, (source << 32 | target)[row]


def _find_cases(table: pd.DataFrame, row: _Counts, ids: npt.NDArray[Any], name: str) -> _Counts:
    """The case of the synapse of each row."""
    order = np.argsort(ids, kind="stable")
    wanted = table["synapse_id"].to_numpy()[row]
    place = np.searchsorted(ids[order], wanted)
    known = place < len(ids)
    known[known] = ids[order][place[known]] == wanted[known]
    if not known.all():
        raise InputError(
            f"links ({name}): synapse {wanted[~known][0]} is not in the matches; match the same synapses that were "
            "linked: match_synapses(truth, predicted).table."
        )
    return order[place].astype(np.int64)
