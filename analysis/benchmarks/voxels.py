"""Rows of calls within one process: contacts, contactome, threads, components.

    python voxels.py FOLDER REPEATS PLANES N_ORACLE

Reads the phantom in FOLDER, prints the rows as JSON. PLANES of it are used where the baseline needs not be spared, a
corner of N_ORACLE planes of 400x400 voxels for the slow oracle. The contactome is that of twice as many planes of a
real segmentation where it is present beside the repository, and of the phantom's where it is not. Every answer is
compared with the baseline's first. The baselines have no threads; the library uses what it uses when called without
`workers`, and one thread for contacts and components.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import baselines
import cc3d
import numpy as np
import skimage.measure
from measuring import Row, alternate, make_row, time_call

import connectograph as cg

THREADS = "our threads: as many as CPUs"


def voxel_rows(folder: Path, repeats: int, n_planes: int, n_oracle: int) -> Iterator[Row]:
    """All rows of this file."""
    segmentation, clefts = (read_planes(folder, name, n_planes) for name in ("neuron_ids", "clefts"))
    corner = (slice(0, n_oracle), slice(0, 400), slice(0, 400))
    yield synapse_contacts(segmentation.crop(*corner), clefts.crop(*corner), repeats)
    real = read_real(2 * n_planes) or segmentation
    yield contactome_faces(real, repeats)
    yield contactome_dilated(real, repeats)
    yield from two_threads(real, repeats)
    yield from mask_components(clefts, repeats)


def read_planes(folder: Path, name: str, n_planes: int) -> cg.Volume:
    """First planes of a dataset, in memory."""
    volume = cg.read_volume(f"{folder / 'case.hdf'}:volumes/labels/{name}")
    return volume.crop(slice(0, n_planes), slice(None), slice(None))


def read_real(n_planes: int) -> cg.Volume | None:
    """First planes of the real segmentation of 512x1024x1024 voxels, in memory; None where it is not present."""
    path = Path(__file__).resolve().parents[3] / "shared/data/pinky40/segmentation_512x1024x1024.npz"
    if not path.exists():
        return None
    volume = cg.read_volume(path, voxel_size=(40, 4, 4)).crop(slice(0, n_planes), slice(None), slice(None))
    return cg.Volume(np.ascontiguousarray(volume.labels[:, :, :]), volume.voxel_size)


def compare(
    job: str, against: str, volume: cg.Volume, target: float | None, repeats: int,
    ours: Callable[[], Any], baseline: Callable[[], Any], note: str = "",
) -> Row:  # fmt: skip
    """Row of two calls whose results were found equal before."""
    runs = {"baseline": partial(time_call, baseline), "ours": partial(time_call, ours)}
    size = "x".join(map(str, volume.shape))
    return make_row(job, against, size, "times faster", target, alternate(runs, repeats), repeats, note)


def check_equal(job: str, ours: dict[Any, Any], baseline: dict[Any, Any]) -> None:
    """Stop if an answer is wrong: its time would mean nothing."""
    if ours.keys() != baseline.keys() or not np.allclose([ours[k] for k in baseline], [*baseline.values()], rtol=1e-5):
        raise SystemExit(f"{job}: our rows differ from the baseline's")


def synapse_contacts(segmentation: cg.Volume, clefts: cg.Volume, repeats: int) -> Row:
    """Including the search for the synapses."""
    job = "synapse contacts, dilation 1"

    def ours() -> dict[Any, int]:
        table = cg.find_synapse_contacts(segmentation, cg.label_synapses(clefts, workers=1), dilation=1, workers=1)
        return as_dict(table, ["synapse_id", "segment_a", "segment_b"], "n_voxels")

    def baseline() -> dict[Any, int]:
        return baselines.dilate_every_segment(np.asarray(segmentation.labels), np.asarray(clefts.labels))

    check_equal(job, ours(), baseline())
    return compare(job, "scipy dilation of each segment in its bounding box", segmentation, 15, repeats, ours, baseline)


def contactome_faces(segmentation: cg.Volume, repeats: int) -> Row:
    """Pairs and areas, without the dilation."""
    job = "contactome, faces"

    def ours() -> Any:
        return cg.find_contacts(segmentation, dilation=0)

    def baseline() -> Any:
        return cc3d.contacts(segmentation.labels, connectivity=6, anisotropy=segmentation.voxel_size)

    found = {tuple(sorted(map(int, pair))): area for pair, area in baseline().items()}
    check_equal(job, as_dict(ours(), ["segment_a", "segment_b"], "area_nm2"), found)
    return compare(job, "cc3d.contacts, 6-connected", segmentation, 15, repeats, ours, baseline, THREADS)


def contactome_dilated(segmentation: cg.Volume, repeats: int) -> Row:
    """Pairs, overlaps and areas at dilation 1."""
    job = "contactome, dilation 1"
    offsets = cg.dilation_offsets(1, None, segmentation.voxel_size)

    def ours() -> Any:
        return cg.find_contacts(segmentation, dilation=1)

    def baseline() -> dict[Any, int]:
        return {(a, b): n for a, b, n in baselines.count_overlaps(segmentation.labels, offsets).tolist()}

    table = ours()
    check_equal(job, as_dict(table[table["n_voxels"] > 0], ["segment_a", "segment_b"], "n_voxels"), baseline())
    return compare(job, "plain per-voxel numba loop", segmentation, 15, repeats, ours, baseline, THREADS)


def two_threads(segmentation: cg.Volume, repeats: int) -> Iterator[Row]:
    """The library with two threads against itself with one."""
    for dilation in (0, 1):
        one, two = (partial(cg.find_contacts, segmentation, dilation=dilation, workers=n) for n in (1, 2))
        job = f"contactome, dilation {dilation}, 2 threads"
        yield compare(job, "1 thread", segmentation, 1.7, repeats, two, one, note="needs two free cores")


def mask_components(clefts: cg.Volume, repeats: int) -> Iterator[Row]:
    """Synapse instances of a mask, against two libraries that label its components."""
    mask = cg.Volume((np.asarray(clefts.labels) < 2**64 - 2).astype(np.uint8), voxel_size=clefts.voxel_size)

    def ours() -> Any:
        return cg.label_synapses(mask, form="mask", workers=1)

    labellers = {
        "cc3d.connected_components": partial(cc3d.connected_components, mask.labels, connectivity=26),
        "skimage.measure.label": partial(skimage.measure.label, mask.labels, connectivity=3),
    }
    found = dict(enumerate(cg.measure_synapses(ours())["n_voxels"].sort_values().tolist()))
    for against, baseline in labellers.items():
        sizes = np.bincount(baseline().ravel())[1:]
        check_equal("components", found, dict(enumerate(sorted(sizes.tolist()))))
        yield compare("components of a mask", against, mask, None, repeats, ours, baseline)


def as_dict(table: Any, keys: list[str], value: str) -> dict[Any, Any]:
    """A table's column by its id columns."""
    return dict(zip(zip(*(table[key].tolist() for key in keys), strict=True), table[value].tolist(), strict=True))


if __name__ == "__main__":
    counts = [int(argument) for argument in sys.argv[2:5]]
    print(json.dumps([asdict(row) for row in voxel_rows(Path(sys.argv[1]), *counts)]))
