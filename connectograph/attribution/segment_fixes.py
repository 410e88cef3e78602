"""Fixes of a predicted segmentation: segments merged into the neuron they belong to, parts cut off along the truth.

Conventions: segments bear names, those that are matched the name of their true neuron. A fix gives pieces, which are
the parts of predicted segments in one true segment each, the name of their neuron. It never changes which segments are
matched: see the notes of :func:`connectograph.attribution.rank_fixes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.volumes import Volume

__all__ = ["SegmentPieces", "Segments", "mend_segments"]

_Ids: TypeAlias = npt.NDArray[np.uint64]

MERGE, SPLIT = 0, 1
"""Kinds of fixes, by their first number."""


@dataclass(frozen=True, eq=False)
class SegmentPieces:
    """What merging and splitting predicted segments takes.

    Attributes
    ----------
    table : pandas.DataFrame
        `piece_id`; `true_segment` (0: none); `predicted_segment`, as stored; `segment_id`, its name in the graphs;
        `n_voxels`; `z_min_nm, y_min_nm, x_min_nm`. Of every piece of a kept predicted segment.
    near : dict of str to pandas.DataFrame
        Of the "truth" and "predicted" synapses: `synapse_id, voxel, segment_id, n_voxels`, in ids of pieces
        (:func:`connectograph.contacts.synapse_contacts.scan_neighbourhoods`).
    kept : (N,) array of uint64
        True segments that are nodes.
    excluded : (M,) array of uint64
        True segments whose predicted counterparts are left out.
    used : (K,) array of uint64
        Ids that the predicted volume holds.
    min_segment_voxels : int
        Smaller segments are left out.
    partner_rule : {"all-pairs", "top-pair"}
    min_contact_voxels : int
        What makes a link (:func:`connectograph.assign_partners`).
    known : (P,) array of uint64, optional
        Segments by their names in the graphs; only pairs of two of these are scored. All if not given.
    """

    table: pd.DataFrame
    near: dict[str, pd.DataFrame]
    kept: _Ids
    excluded: _Ids
    used: _Ids
    min_segment_voxels: int
    partner_rule: str = "all-pairs"
    min_contact_voxels: int = 1
    known: _Ids | None = None


class Segments:
    """Which pieces bear which name, as fixes are made."""

    def __init__(self, pieces: SegmentPieces, nodes: _Ids) -> None:
        table = pieces.table
        self.names: list[int] = np.searchsorted(nodes, table["segment_id"]).tolist()
        self._kept = set(np.searchsorted(nodes, pieces.kept).tolist())
        self._voxels: list[int] = table["n_voxels"].tolist()
        self._corners = list(zip(*(table[f"{axis}_min_nm"].tolist() for axis in "zyx"), strict=True))
        self._stored: list[int] = table["predicted_segment"].tolist()
        self._excluded, self._least = set(pieces.excluded.tolist()), pieces.min_segment_voxels
        self._parts: dict[int, dict[int, list[int]]] = {}
        for piece, (name, neuron) in enumerate(zip(self.names, table["true_segment"].tolist(), strict=True)):
            self._parts.setdefault(name, {}).setdefault(neuron, []).append(piece)
        self._neurons: dict[int, int] = dict(
            zip(pieces.kept.tolist(), np.searchsorted(nodes, pieces.kept).tolist(), strict=True)
        )
        self._ids = {place: number for number, place in self._neurons.items()}

    def list_all(self) -> list[tuple[int, int, int]]:
        """All fixes that there are now."""
        return [fix for name in sorted(self._parts) for fix in self.list_of(name)]

    def list_of(self, name: int) -> list[tuple[int, int, int]]:
        """The fixes of one segment: merge it if it stands for no neuron, cut off what lies in other neurons."""
        parts = self._parts.get(name, {})
        neurons = [self._neurons[number] for number in parts if number in self._neurons]
        if name in self._kept:
            return [(SPLIT, name, neuron) for neuron in neurons if neuron != name]
        if not neurons:
            return []
        home = self._find_home(name)
        return [(MERGE, name, home), *((SPLIT, name, neuron) for neuron in neurons if neuron != home)]

    def find_parts(self, fix: tuple[int, int, int]) -> frozenset[int]:
        """Pieces that a fix gives another name; none if it cannot be made."""
        kind, name, neuron = fix
        if fix not in self.list_of(name):
            return frozenset()
        parts = self._parts[name]
        moved = parts if kind == MERGE else {self._ids[neuron]: parts[self._ids[neuron]]}
        if (self._least > 1 or self._excluded) and not self._stay(name, neuron, moved):
            return frozenset()
        return frozenset(piece for own in moved.values() for piece in own)

    def _stay(self, name: int, neuron: int, moved: dict[int, list[int]]) -> bool:
        """Whether what is left of a segment, and what takes the parts moved, would still be scored."""
        rest = {number: own for number, own in self._parts[name].items() if number not in moved}
        target = {number: list(own) for number, own in self._parts.get(neuron, {}).items()}
        for number, own in moved.items():
            target.setdefault(number, []).extend(own)
        return self._stays(target) and (not rest or self._stays(rest))

    def list_pieces(self, name: int) -> list[int]:
        """The pieces of a segment."""
        return [piece for own in self._parts.get(name, {}).values() for piece in own]

    def stands_for_neuron(self, name: int) -> bool:
        """Whether a name is that of a true segment."""
        return name in self._kept

    def order(self, name: int, gone: frozenset[int] = frozenset()) -> tuple[float, ...]:
        """Segments by their ids in the graphs, if some pieces were gone: neurons, then by falling size and place."""
        if name in self._kept:
            return 0, name
        pieces = [piece for piece in self.list_pieces(name) if piece not in gone]
        corners = zip(*(self._corners[piece] for piece in pieces), strict=True)
        return 1, -self._size(pieces), *map(min, corners), self._stored[pieces[0]]

    def apply(self, fix: tuple[int, int, int]) -> list[tuple[int, int, int]]:
        """Give pieces the name of their neuron; the fixes of both segments, and into that, before and after."""
        _, name, neuron = fix
        before = [*self.list_of(name), *self.list_of(neuron), *self._list_into(neuron)]
        moved = self.find_parts(fix)
        for number, own in list(self._parts[name].items()):
            if own[0] in moved:
                self._parts.setdefault(neuron, {}).setdefault(number, []).extend(own)
                del self._parts[name][number]
        for piece in moved:
            self.names[piece] = neuron
        return [*before, *self.list_of(name), *self.list_of(neuron)]

    def _list_into(self, neuron: int) -> list[tuple[int, int, int]]:
        """The fixes that enlarge a segment, if that may decide whether they can be made."""
        if self._least <= 1 and not self._excluded:
            return []
        return [fix for fix in self.list_all() if fix[2] == neuron]

    def count_voxels(self, fix: tuple[int, int, int]) -> int:
        """Voxels that a fix would give another name."""
        return sum(self._voxels[piece] for piece in self.find_parts(fix))

    def _find_home(self, name: int) -> int:
        """The neuron that most of a segment lies in; ties to the smallest id."""
        sizes = {number: self._size(own) for number, own in self._parts[name].items() if number in self._neurons}
        return self._neurons[min(sizes, key=lambda number: (-sizes[number], number))]

    def _stays(self, parts: dict[int, list[int]]) -> bool:
        """Whether a segment of these parts is large enough, and not mostly in a segment that is excluded."""
        sizes = {number: self._size(own) for number, own in parts.items()}
        true = {number: size for number, size in sizes.items() if number}
        main = min(true, key=lambda number: (-true[number], number)) if true else 0
        return sum(sizes.values()) >= self._least and main not in self._excluded

    def _size(self, pieces: list[int]) -> int:
        return sum(self._voxels[piece] for piece in pieces)


def mend_segments(truth: Volume, predicted: Volume, fixes: pd.DataFrame) -> Volume:
    """A predicted segmentation after some fixes.

    Parameters
    ----------
    truth, predicted : Volume
        The segmentations that the fixes were ranked from.
    fixes : pandas.DataFrame
        Rows of the table "fixes", in order; those of synapses change nothing here.

    Returns
    -------
    Volume
        uint64; held in memory.

    Examples
    --------
    >>> truth = Volume(np.array([[[7, 7, 9, 9]]], "uint64"), voxel_size=(40, 4, 4))
    >>> predicted = Volume(np.array([[[1, 2, 2, 2]]], "uint64"), voxel_size=(40, 4, 4))
    >>> split = pd.DataFrame({"kind": ["split"], "true_segment": [7], "predicted_segment": [2], "into_segment": [1]})
    >>> mend_segments(truth, predicted, split).labels.tolist()
    [[[1, 1, 2, 2]]]
    """
    whole = (slice(None), slice(None), slice(None))
    true, labels = np.asarray(truth.labels[whole]), np.array(predicted.labels[whole], np.uint64)
    rows = fixes[fixes["kind"].isin(["merge", "split"])]
    for row in rows[["kind", "true_segment", "predicted_segment", "into_segment"]].to_dict("records"):
        here = labels == np.uint64(row["predicted_segment"])
        if row["kind"] == "split":
            here &= true == row["true_segment"]
        labels[here] = np.uint64(row["into_segment"])
    return Volume(labels, predicted.voxel_size, predicted.offset, predicted.name)
